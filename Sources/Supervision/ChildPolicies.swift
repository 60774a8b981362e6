import Glibc
package import Store

/// When a supervisor restarts a child that has died. Pure: time is passed in, in milliseconds.
///
/// Each death in a row doubles the wait, up to a limit; the wait is drawn evenly from its upper half. A child that has
/// lived for a minute was healthy, and its next death counts as the first. The supervisor gives up when a child dies
/// too often within a window. A child that cannot use its configuration is restarted without end: somebody has changed
/// the file, and will correct it. All times are of the monotonic clock, which stands still while the machine sleeps:
/// a child proves its health only in time that it had, and deaths before a sleep count as much after it.
package struct RestartPolicy: Sendable {
    package enum Decision: Equatable, Sendable {
        case restart(after: Int64)
        /// The child has died so many times within the window.
        case giveUp(deaths: Int)
    }

    /// The first wait.
    package var base: Int64 = 20
    /// The longest wait.
    package var limit: Int64 = 10_000
    /// A child that has lived for so long was healthy.
    package var health: Int64 = 60_000
    /// More deaths than these within `window` are too many.
    package var deaths = 20
    package var window: Int64 = 300_000

    private var times: [Int64] = []
    private var inARow = 0

    package init() {}

    /// A child has ended without having been asked to, or could not be started.
    ///
    /// - Parameter hasBadConfiguration: it could not use its configuration, which does not count as a death.
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

/// When a supervisor replaces a healthy child: it has grown too large or too old. Pure.
///
/// What a stage or a library leaks ends with its process, and nobody is called at night.
package struct RecyclePolicy: Sendable, Equatable {
    /// Resident memory that a child may have, in KiB; 0: no limit.
    package var maxKilobytes: Int
    /// Age that a child may have, in milliseconds; 0: no limit.
    package var maxAge: Int64

    package init(maxKilobytes: Int = 0, maxAge: Int64 = 0) {
        self.maxKilobytes = maxKilobytes
        self.maxAge = maxAge
    }

    /// Whether anything is limited.
    package var isActive: Bool { maxKilobytes > 0 || maxAge > 0 }

    /// Why a child is to be replaced, for the log; nil when it may stay.
    package func reason(kilobytes: Int, age: Int64) -> String? {
        if maxKilobytes > 0, kilobytes > maxKilobytes {
            return "it has \(kilobytes) KiB of memory, more than \(maxKilobytes)"
        }
        if maxAge > 0, age > maxAge { return "it is \(age / 1000) s old, older than \(maxAge / 1000)" }
        return nil
    }
}

extension ProcessEnding {
    /// What a supervisor has asked of a child before it ended.
    package enum Request: Sendable {
        case nothing
        /// SIGTERM, or SIGHUP to one that is replaced.
        case toEnd
        /// SIGKILL, since it was to end and its time was over, or at once.
        case killed
    }

    /// How a child has ended. A child that its supervisor killed because it was to stop is no death: no event is the
    /// cause. One that was killed because it hung is, and so is one that somebody else killed: that was seen, and nobody
    /// can tell why it was done.
    ///
    /// - Parameter status: as waitpid(2) says it; nil: the child could not be started.
    package init(status: Int32?, asked request: Request) {
        guard let status else {
            self = .left
            return
        }
        let signal = status & 0x7f
        // Before a child handles SIGTERM and SIGHUP they end it.
        let isAsAsked =
            status == 0 || signal == SIGTERM || signal == SIGHUP || signal == SIGKILL && request == .killed
        if request != .nothing, isAsAsked {
            self = .left
        } else {
            // One that ends by itself and in order has perhaps been asked by somebody else.
            self = status == 0 ? .unknown : .died
        }
    }
}
