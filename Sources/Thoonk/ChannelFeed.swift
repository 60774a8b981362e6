public import Redis

/// The Thoonk feed that stores a channel's history. Its name is the channel in braces, its item ids are sequence
/// numbers, its announcements are `SEQUENCE NUL EVENT`.
public struct ChannelFeed: Sendable {
    public let channel: String
    /// Where the server keeps the epoch that the channel's offsets belong to.
    public let epochKey: String

    public init(channel: String, epochKey: String) {
        self.channel = channel
        self.epochKey = epochKey
    }

    /// The pub/sub channel on which each event is announced.
    public var announcements: String { "feed.publish:{\(channel)}" }

    /// Takes an announcement apart at the first NUL. Nil when its id is no sequence number: some other Thoonk client
    /// published an item with an id of its own, which is no event of the channel.
    public static func parse(announcement: [UInt8]) -> (sequence: Int64, event: ArraySlice<UInt8>)? {
        guard let separator = announcement.firstIndex(of: 0), separator > 0, separator < 20 else { return nil }
        var sequence: Int64 = 0
        for byte in announcement[..<separator] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, overflow) = sequence.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !overflow, !more else { return nil }
            sequence = sum
        }
        return (sequence, announcement[(separator + 1)...])
    }

    /// Reads what is kept after a sequence number: at most the newest `limit` events, or the oldest ones.
    ///
    /// - Parameters:
    ///   - sequence: the first event given is one after it.
    ///   - limit: how many events are given at most.
    ///   - bytes: nil: the newest are given. Otherwise the oldest, that have together so many bytes at most; one in any
    ///     case. The server reads hardly more than that.
    ///   - connection: what asks.
    ///   - reply: called once, on the loop's thread.
    public func history(
        after sequence: Int64, limit: Int, bytes: Int? = nil, on connection: RedisConnection,
        reply: @escaping (Result<ChannelHistory, RedisError>) -> Void
    ) {
        var command = RedisCommand("FCALL_RO", "tidings_history", "1", epochKey, channel)
        command.append(sequence)
        command.append(limit)
        if let bytes { command.append(bytes) }
        connection.send(command) { result in
            reply(result.flatMap(ChannelFeed.history(from:)))
        }
    }

    /// Appends events to the feed and announces them, in one step.
    ///
    /// - Parameters:
    ///   - events: in their order.
    ///   - history: how many events the feed keeps from now on.
    ///   - ttl: the feed disappears after that many milliseconds without an event.
    ///   - connection: what publishes.
    ///   - reply: gives the last event's sequence number.
    public func publish(
        _ events: [[UInt8]], history: Int, ttl: Int64, on connection: RedisConnection,
        reply: @escaping (Result<Int64, RedisError>) -> Void
    ) {
        var command = RedisCommand("FCALL", "tidings_publish", "0", channel)
        command.append(history)
        command.append(ttl)
        for event in events { command.append(event) }
        connection.send(command) { result in
            reply(result.map { $0.integer ?? 0 })
        }
    }

    private static func history(from value: RedisValue) -> Result<ChannelHistory, RedisError> {
        guard let parts = value.array, parts.count >= 5, parts.count % 2 == 1,
            let epoch = parts[0].integer, let born = parts[1].integer, let last = parts[2].integer,
            let capacity = parts[3].integer, let first = parts[4].integer
        else { return .failure(RedisError(.reply, "tidings_history answered in a form that is not known")) }
        var items: [ChannelHistory.Item] = []
        items.reserveCapacity(parts.count / 2)
        for index in stride(from: 5, to: parts.count, by: 2) {
            guard let sequence = parts[index].integer, let event = parts[index + 1].bytes else { continue }
            items.append(ChannelHistory.Item(sequence: sequence, event: event))
        }
        return .success(
            ChannelHistory(
                epoch: epoch, born: born, last: last, capacity: capacity, first: first, items: items))
    }
}
