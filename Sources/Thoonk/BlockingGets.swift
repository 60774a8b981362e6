/// Decides when the blocking gets of one list fetch items, and which get receives them. Pure: the client performs the
/// actions.
///
/// Gets are served first come, first served, and share one fetch and one watch on the list. A fetch is sent when a get
/// arrives, when the list was written to, when the next claim expires, and after a reconnect. As long as the server
/// reports changes to the list, nothing else is sent. After a fetch that returned too few items the list's length is
/// read once more.
struct BlockingGets {
    /// A get that waits.
    struct PendingGet: Equatable {
        let id: UInt64
        /// The most items that it takes.
        let limit: Int
        /// How long its claims last, in ms. One fetch serves only gets with the same claim time.
        let claim: Int64?
    }

    enum Event: Equatable {
        case joined(PendingGet)
        /// The get was cancelled or timed out.
        case left(UInt64)
        /// A fetch returned `count` items. The feed's next claim expires in `wait` ms; nil: no claim expires.
        case fetched(count: Int, wait: Int64?)
        /// The reply to a fetch was lost.
        case fetchLost
        /// Redis refused a fetch.
        case fetchRefused
        /// The list's length was read.
        case lengthRead(Int64, isWatched: Bool)
        case lengthReadFailed
        /// The list was written to, or may have been.
        case changed
        /// The timer of ``Action/wake(after:)`` fired.
        case due
        case connected
        case lost
        case closed
    }

    enum Action: Equatable {
        case fetch(count: Int, claim: Int64?)
        /// Read the list's length in such a way that the server reports the next change.
        case readLength
        /// Hand these of the fetched items to that get, which ends.
        case deliver(UInt64, Range<Int>)
        /// Return these of the fetched items to the list: no get wants them any more.
        case putBack(Range<Int>)
        case fail(UInt64, Failure)
        /// Send ``Event/due`` after that many ms; nil: cancel it.
        case wake(after: Int64?)
    }

    enum Failure: Equatable {
        /// Items may have been taken for this get and lost with the reply.
        case uncertain
        /// Redis refused the fetch; the get fails with that error.
        case refused
        case closed
    }

    enum Phase: Equatable {
        /// No get waits.
        case idle
        /// No connection.
        case away
        case fetching(claim: Int64?, count: Int)
        case readingLength(hasChanged: Bool)
        case sleeping(isWatched: Bool)
    }

    /// How often a list is read when the server does not report its changes, in ms.
    static let pollInterval: Int64 = 2000

    private(set) var phase: Phase
    private(set) var pending: [PendingGet] = []
    /// Whether items are lost when the reply to a fetch is lost: true for a queue, whose items have no claim.
    private let losesItems: Bool
    /// Ms until the next claim expires, as the last fetch reported.
    private var wait: Int64?
    private let pollInterval: Int64

    init(losesItems: Bool, isConnected: Bool, pollInterval: Int64 = BlockingGets.pollInterval) {
        self.losesItems = losesItems
        self.pollInterval = pollInterval
        phase = isConnected ? .idle : .away
    }

    /// Whether no get waits and no command is under way, so that this can be dropped.
    var isOver: Bool { pending.isEmpty && (phase == .idle || phase == .away) }

    mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .joined(let get):
            pending.append(get)
            // A watched list that was empty still is: the new get would find nothing.
            return phase == .idle || phase == .sleeping(isWatched: false) ? fetch() : []
        case .left(let id):
            pending.removeAll { $0.id == id }
            guard pending.isEmpty, case .sleeping = phase else { return [] }
            phase = .idle
            return [.wake(after: nil)]
        case .fetched(let count, let wait): return fetched(count, wait)
        case .fetchLost: return fetchLost()
        case .fetchRefused: return failAll(.refused)
        case .lengthRead(let length, let isWatched): return lengthRead(length, isWatched)
        case .lengthReadFailed:
            guard case .readingLength = phase else { return [] }
            return sleep(isWatched: false)
        case .changed:
            switch phase {
            case .sleeping: return fetch()
            case .readingLength: phase = .readingLength(hasChanged: true)
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

    /// Fetches as many items as the gets at the front that share a claim time want together.
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
            phase = .readingLength(hasChanged: false)
            actions.append(.readLength)
        }
        return actions
    }

    /// Fails the gets that the lost reply may have served, if that loses items. The others go on waiting.
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

    private mutating func lengthRead(_ length: Int64, _ isWatched: Bool) -> [Action] {
        guard case .readingLength(let hasChanged) = phase else { return [] }
        return length > 0 || hasChanged ? fetch() : sleep(isWatched: isWatched)
    }

    private mutating func sleep(isWatched: Bool) -> [Action] {
        guard !pending.isEmpty else {
            phase = .idle
            return []
        }
        phase = .sleeping(isWatched: isWatched)
        let pause = [wait, isWatched ? nil : pollInterval].compactMap { $0 }.min()
        return [.wake(after: pause)]
    }

    private mutating func failAll(_ failure: Failure) -> [Action] {
        let actions = pending.map { Action.fail($0.id, failure) }
        pending = []
        // A fetch that is under way keeps its phase, so that its items are put back.
        if case .fetching = phase, failure == .closed { return actions }
        phase = .idle
        return actions + [.wake(after: nil)]
    }
}
