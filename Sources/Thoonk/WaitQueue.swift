internal import Events
internal import Redis

/// The blocking gets of one list, with their continuations and timers. Used only on the client's loop.
final class WaitQueue {
    typealias Continuation = CheckedContinuation<Result<[TakenItem], ThoonkError>, Never>

    /// A waiting get and the timer of its time-out.
    struct Waiter {
        let continuation: Continuation
        let timer: Timer?
    }

    /// The request of the first get. Kind and feed are the same for all of them.
    let request: GetRequest
    /// The key of the list.
    let key: String
    var gets: BlockingGets
    var waiters: [UInt64: Waiter] = [:]
    /// Set by ``BlockingGets/Action/wake(after:)``.
    let alarm: Timer

    init(
        _ request: GetRequest, isConnected: Bool, pollInterval: Int64, on loop: EventLoop, alarm: @escaping () -> Void
    ) {
        self.request = request
        key = "feed.ids:\(request.feed)"
        gets = BlockingGets(
            losesItems: request.kind == .queue, isConnected: isConnected, pollInterval: pollInterval)
        self.alarm = Timer(on: loop, action: alarm)
    }
}

/// Identifies the list that gets wait for. Names are compared by their bytes, as Redis does: Swift treats the two
/// Unicode spellings of é as equal.
struct WaitQueueKey: Hashable {
    let kind: GetRequest.Kind
    let feed: [UInt8]

    init(_ request: GetRequest) {
        kind = request.kind
        feed = Array(request.feed.utf8)
    }
}

/// The arguments of a get, the commands that it needs, and the reading of their replies.
struct GetRequest: Sendable {
    enum Kind: Sendable {
        case queue, job
    }

    let kind: Kind
    let feed: String
    let limit: Int
    /// How long the claims last, in ms; nil: the feed's `claim_timeout`.
    let claim: Int64?
    /// How long to wait; nil: without limit.
    let timeout: Duration?

    /// The command that takes `count` items.
    func command(count: Int, claim: Int64?) -> RedisCommand {
        switch kind {
        case .queue: RedisCommand("FCALL", "thoonk_queue_get", "0", feed, String(count))
        case .job:
            RedisCommand("FCALL", "thoonk_job_get", "0", feed, String(count), claim.map { String($0) } ?? "")
        }
    }

    /// The command that returns items to the list.
    func undo(_ items: [TakenItem]) -> RedisCommand {
        var command = RedisCommand("FCALL", kind == .queue ? "thoonk_queue_return" : "thoonk_job_return", "0", feed)
        for item in items {
            command.append(item.id)
            if kind == .queue { command.append(item.bytes) } else { command.append(item.token) }
        }
        return command
    }

    func parse(_ reply: RedisValue) -> (items: [TakenItem], wait: Int64?) {
        switch kind {
        case .queue: (TakenItem.queue(reply), nil)
        case .job: TakenItem.jobs(reply)
        }
    }
}

/// An item that a get has taken from a queue or job feed.
struct TakenItem: Sendable, Equatable {
    let id: [UInt8]
    let bytes: [UInt8]
    /// The token of a job's claim; empty for an item of a queue.
    var token = ""
    var cancelled = 0

    /// Reads the reply of `thoonk_queue_get`.
    static func queue(_ reply: RedisValue) -> [TakenItem] {
        let flat = reply.array ?? []
        return stride(from: 0, to: flat.count - 1, by: 2).map { index in
            TakenItem(id: flat[index].bytes ?? [], bytes: flat[index + 1].bytes ?? [])
        }
    }

    /// Reads the reply of `thoonk_job_get`: the jobs, and the ms until the next claim expires; nil: no claim does.
    static func jobs(_ reply: RedisValue) -> (items: [TakenItem], wait: Int64?) {
        let flat = reply.array ?? []
        let wait = flat.first?.integer ?? -1
        let items = stride(from: 1, to: flat.count - 3, by: 4).map { index in
            TakenItem(
                id: flat[index].bytes ?? [], bytes: flat[index + 3].bytes ?? [], token: flat[index + 1].text ?? "",
                cancelled: Int(flat[index + 2].integer ?? 0))
        }
        return (items, wait < 0 ? nil : wait)
    }
}
