/// Decides when the waiting gets of one list ask for items, and who gets them. Pure: the client does what it says.
///
/// Those who wait are served in the order in which they came, and share one fetch and one watch. The list is asked for
/// items when somebody comes, when it was written to, when a claim's time is over, and when the connection is new; never
/// otherwise while changes are reported. It is asked anew after each fetch that did not give enough.
struct BlockingGets {
    /// Somebody who waits.
    struct PendingGet: Equatable {
        let id: UInt64
        /// How many items he takes at most.
        let limit: Int
        /// How long his claims last. Those who ask for different claims are not served by one fetch.
        let claim: Int64?
    }

    enum Event: Equatable {
        case joined(PendingGet)
        /// Cancelled, or his time is over.
        case left(UInt64)
        /// A fetch has given that many items, and the time until the next claim ends.
        case fetched(count: Int, wait: Int64?)
        /// The reply to a fetch was lost.
        case fetchLost
        /// A fetch was refused.
        case fetchRefused
        /// The list was read, and holds that many.
        case looked(length: Int64, isWatched: Bool)
        case lookFailed
        /// The list was written to, or may have been.
        case changed
        /// The time that was asked for is over.
        case due
        case connected
        case lost
        case closed
    }

    enum Action: Equatable {
        case fetch(count: Int, claim: Int64?)
        /// Reads the list's length so that a change is reported from then on.
        case look
        /// Gives some of the items just fetched to somebody, who waits no longer.
        case deliver(UInt64, Range<Int>)
        /// Nobody wants these of the items just fetched.
        case putBack(Range<Int>)
        case fail(UInt64, Failure)
        /// Fires ``Event/due`` after that many ms; nil: not any more.
        case wake(after: Int64?)
    }

    enum Failure: Equatable {
        /// Items may have been taken for him and lost.
        case uncertain
        /// With the error of the fetch.
        case refused
        case closed
    }

    enum Phase: Equatable {
        /// Nobody waits.
        case idle
        /// No connection.
        case away
        case fetching(claim: Int64?, count: Int)
        case looking(hasChanged: Bool)
        case sleeping(isWatched: Bool)
    }

    /// How long between two looks when changes are not reported, in ms.
    static let pollInterval: Int64 = 2000

    private(set) var phase: Phase
    private(set) var pending: [PendingGet] = []
    /// Whether a fetch whose reply was lost may have taken items for good.
    private let losesItems: Bool
    /// Until the next claim ends, as the last fetch said.
    private var wait: Int64?

    init(losesItems: Bool, isConnected: Bool) {
        self.losesItems = losesItems
        phase = isConnected ? .idle : .away
    }

    /// Whether this can be forgotten.
    var isOver: Bool { pending.isEmpty && (phase == .idle || phase == .away) }

    mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .joined(let get):
            pending.append(get)
            // In a list that is watched and was empty there is nothing for him either.
            return phase == .idle || phase == .sleeping(isWatched: false) ? fetch() : []
        case .left(let id):
            pending.removeAll { $0.id == id }
            guard pending.isEmpty, case .sleeping = phase else { return [] }
            phase = .idle
            return [.wake(after: nil)]
        case .fetched(let count, let wait): return fetched(count, wait)
        case .fetchLost: return fetchLost()
        case .fetchRefused: return failAll(.refused)
        case .looked(let length, let isWatched): return looked(length, isWatched)
        case .lookFailed:
            guard case .looking = phase else { return [] }
            return sleep(isWatched: false)
        case .changed:
            switch phase {
            case .sleeping: return fetch()
            case .looking: phase = .looking(hasChanged: true)
            default: break
            }
            return []
        case .due:
            guard case .sleeping = phase else { return [] }
            return fetch()
        case .connected:
            guard phase == .away else { return [] }
            return fetch()
        case .lost:
            phase = .away
            return [.wake(after: nil)]
        case .closed: return failAll(.closed)
        }
    }

    /// Asks for as many as those want together who stand at the front and ask for the same claim.
    private mutating func fetch() -> [Action] {
        guard let first = pending.first else {
            phase = .idle
            return [.wake(after: nil)]
        }
        let count = pending.prefix { $0.claim == first.claim }.reduce(0) { min($0 + $1.limit, 1000) }
        phase = .fetching(claim: first.claim, count: count)
        return [.wake(after: nil), .fetch(count: count, claim: first.claim)]
    }

    private mutating func fetched(_ count: Int, _ wait: Int64?) -> [Action] {
        guard case .fetching(let claim, let asked) = phase else { return count > 0 ? [.putBack(0..<count)] : [] }
        var actions: [Action] = []
        var given = 0
        while given < count, let index = pending.firstIndex(where: { $0.claim == claim }) {
            let get = pending.remove(at: index)
            let share = min(get.limit, count - given)
            actions.append(.deliver(get.id, given..<given + share))
            given += share
        }
        if given < count { actions.append(.putBack(given..<count)) }
        self.wait = wait
        if pending.isEmpty {
            phase = .idle
        } else if count >= asked || wait == 0 {
            actions += fetch()
        } else {
            phase = .looking(hasChanged: false)
            actions.append(.look)
        }
        return actions
    }

    /// Whoever may have been served by it is told, where that means a loss; the others go on waiting.
    private mutating func fetchLost() -> [Action] {
        guard case .fetching(let claim, var count) = phase else { return [] }
        phase = .away
        guard losesItems else { return [] }
        var actions: [Action] = []
        while count > 0, let index = pending.firstIndex(where: { $0.claim == claim }) {
            let get = pending.remove(at: index)
            count -= get.limit
            actions.append(.fail(get.id, .uncertain))
        }
        return actions
    }

    private mutating func looked(_ length: Int64, _ isWatched: Bool) -> [Action] {
        guard case .looking(let hasChanged) = phase else { return [] }
        return length > 0 || hasChanged ? fetch() : sleep(isWatched: isWatched)
    }

    private mutating func sleep(isWatched: Bool) -> [Action] {
        guard !pending.isEmpty else {
            phase = .idle
            return []
        }
        phase = .sleeping(isWatched: isWatched)
        let pause = [wait, isWatched ? nil : BlockingGets.pollInterval].compactMap { $0 }.min()
        return [.wake(after: pause)]
    }

    private mutating func failAll(_ failure: Failure) -> [Action] {
        let actions = pending.map { Action.fail($0.id, failure) }
        pending = []
        // What a fetch that is still out brings is put back.
        if case .fetching = phase, failure == .closed { return actions }
        phase = .idle
        return actions + [.wake(after: nil)]
    }
}
