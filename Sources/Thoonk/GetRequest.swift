internal import Redis

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
