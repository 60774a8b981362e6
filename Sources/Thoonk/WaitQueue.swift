internal import Events
internal import Redis

/// The waiting gets of one list, with what they wait by. Lives on the client's loop.
final class WaitQueue {
    typealias Continuation = CheckedContinuation<Result<[TakenItem], ThoonkError>, Never>

    /// Someone who waits, and the timer of his time-out.
    struct Waiter {
        let continuation: Continuation
        let timer: Timer?
    }

    /// As the first one asked: kind and feed are those of all.
    let request: GetRequest
    /// The list that they wait for.
    let key: String
    var gets: BlockingGets
    var waiters: [UInt64: Waiter] = [:]
    /// Fires when ``BlockingGets`` asked for it.
    let alarm: Timer

    init(_ request: GetRequest, isConnected: Bool, on loop: EventLoop, alarm: @escaping () -> Void) {
        self.request = request
        key = "feed.ids:\(request.feed)"
        gets = BlockingGets(losesItems: request.kind == .queue, isConnected: isConnected)
        self.alarm = Timer(on: loop, action: alarm)
    }
}

/// What the gets of one queue wait for. Feeds are told apart by the bytes of their names: to Redis two spellings of an é
/// are two feeds.
struct WaitQueueKey: Hashable {
    let kind: GetRequest.Kind
    let feed: [UInt8]

    init(_ request: GetRequest) {
        kind = request.kind
        feed = Array(request.feed.utf8)
    }
}

/// What a get asks for.
struct GetRequest: Sendable {
    enum Kind: Sendable {
        case queue, job
    }

    let kind: Kind
    let feed: String
    let limit: Int
    /// How long a claim is to last, in ms; nil: what the feed says.
    let claim: Int64?
    /// How long to wait; nil: for as long as it takes.
    let timeout: Duration?

    /// The command that takes `count` items.
    func command(count: Int, claim: Int64?) -> RedisCommand {
        switch kind {
        case .queue: RedisCommand("FCALL", "thoonk_queue_get", "0", feed, String(count))
        case .job:
            RedisCommand("FCALL", "thoonk_job_get", "0", feed, String(count), claim.map { String($0) } ?? "")
        }
    }

    /// The command that undoes it.
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

/// What a get of a queue or job feed has taken.
struct TakenItem: Sendable, Equatable {
    let id: [UInt8]
    let bytes: [UInt8]
    /// Of a job's claim; empty for a queue.
    var token = ""
    var cancelled = 0

    /// Reads the reply of `thoonk_queue_get`.
    static func queue(_ reply: RedisValue) -> [TakenItem] {
        let flat = reply.array ?? []
        return stride(from: 0, to: flat.count - 1, by: 2).map { index in
            TakenItem(id: flat[index].bytes ?? [], bytes: flat[index + 1].bytes ?? [])
        }
    }

    /// Reads the reply of `thoonk_job_get`: the jobs, and the ms until the next claim ends, nil when none does.
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
