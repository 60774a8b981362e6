/// The commands that wait for their reply, oldest first. Appending and taking cost the same however many wait.
struct PendingReplies {
    struct Waiting {
        let reply: (Result<RedisValue, RedisError>) -> Void
        /// When it was sent, in nanoseconds of the monotonic clock.
        let sent: Int64
    }

    private var entries: [Waiting?] = []
    private var head = 0

    var first: Waiting? {
        head < entries.count ? entries[head] : nil
    }

    mutating func append(_ reply: @escaping (Result<RedisValue, RedisError>) -> Void, sent: Int64) {
        entries.append(Waiting(reply: reply, sent: sent))
    }

    mutating func popFirst() -> Waiting? {
        guard head < entries.count else { return nil }
        let waiting = entries[head]
        entries[head] = nil
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: entries.count <= 1024)
            head = 0
        } else if head >= 1024, head * 2 >= entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return waiting
    }
}
