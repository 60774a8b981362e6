/// When a supervisor starts a dead child again. Pure: time is passed in, in milliseconds.
///
/// Each death in a row doubles the wait, up to a limit, drawn evenly from its upper half; a child that lived for a
/// minute starts afresh. Many deaths in a short time mean that starting again is no help: then it gives up. A child that
/// cannot use its configuration is tried for ever: somebody changed the file, and will correct it.
package struct RestartPolicy: Sendable {
    package enum Decision: Equatable, Sendable {
        case restart(after: Int64)
        /// That many deaths within the window.
        case giveUp(deaths: Int)
    }

    /// The first wait, in milliseconds.
    package var base: Int64 = 20
    /// No wait is longer.
    package var limit: Int64 = 10_000
    /// A child that lived that long was healthy.
    package var health: Int64 = 60_000
    /// So many deaths …
    package var deaths = 20
    /// … within so many milliseconds are too many.
    package var window: Int64 = 300_000

    private var times: [Int64] = []
    private var inARow = 0

    package init() {}

    /// A child died, or stopped without having been asked to.
    ///
    /// - Parameter hasBadConfiguration: it ended since it could not use its configuration: it is tried again however often.
    package mutating func died(
        at now: Int64, lived: Int64, hasBadConfiguration: Bool = false,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        inARow = lived >= health ? 1 : inARow + 1
        if !hasBadConfiguration { times.append(now) }
        times.removeAll { $0 < now - window }
        if times.count > deaths { return .giveUp(deaths: times.count) }
        let ceiling = min(limit, base << Int64(min(inARow - 1, 20)))
        return .restart(after: Int64.random(in: (ceiling / 2)...ceiling, using: &generator))
    }
}
