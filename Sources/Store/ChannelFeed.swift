import Redis

/// The Thoonk feed that stores a channel's history. Its name is the channel in braces, its item ids are sequence
/// numbers, its announcements are `SEQUENCE NUL EVENT`.
package struct ChannelFeed: Sendable {
    package let channel: String
    /// Where the server keeps the epoch that the channel's offsets belong to.
    package let epochKey: String

    package init(channel: String, epochKey: String) {
        self.channel = channel
        self.epochKey = epochKey
    }

    /// The pub/sub channel on which each event is announced.
    package var announcements: String { "feed.publish:{\(channel)}" }

    /// Takes an announcement apart at the first NUL. Nil when its id is no sequence number: another Thoonk client
    /// published an item with an id of its own, which is no event of the channel.
    package static func parse(announcement: [UInt8]) -> (sequence: Int64, event: ArraySlice<UInt8>)? {
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
}

/// What a feed keeps of a channel, read in one step.
package struct ChannelHistory: Sendable, Equatable {
    package struct Item: Sendable, Equatable {
        package var sequence: Int64
        package var event: [UInt8]

        package init(sequence: Int64, event: [UInt8]) {
            self.sequence = sequence
            self.event = event
        }
    }

    /// Changes when the server may have lost events. Offsets of another epoch mean nothing.
    package var epoch: Int64
    /// When the feed was created, in milliseconds since 1970; 0 when it does not exist.
    package var born: Int64
    /// The newest sequence number ever given out; 0 when the feed does not exist.
    package var last: Int64
    /// The number up to which the history has been cut, as the feed says it. What is missing above it was retracted,
    /// which is no loss.
    package var floor: Int64
    /// Ascending. A sequence number that is missing inside was retracted.
    package var items: [Item]
    /// The time that a position carries while there is no feed; 0 when there is one. It is the server's, in milliseconds,
    /// and never falls.
    package var time: Int64
    /// The latest birth of a feed, of any channel, that was removed before this one was born, or until now when there is
    /// none. A position of a channel without a feed has missed nothing when it is later.
    package var swept: Int64
    /// Whether the conversation took no more comments at that time.
    package var isClosed: Bool
    /// Whether `items` are all that is kept after the sequence number that was asked for. A part of the oldest that is
    /// not complete has items.
    package var isComplete: Bool
    /// Whether only the newest event counts: lower sequence numbers are no loss.
    package var isState: Bool

    package init(
        epoch: Int64, born: Int64, last: Int64, floor: Int64, items: [Item], time: Int64 = 0, swept: Int64 = 0,
        isClosed: Bool = false, isComplete: Bool, isState: Bool = false
    ) {
        self.isState = isState
        self.epoch = epoch
        self.born = born
        self.last = last
        self.floor = floor
        self.items = items
        self.time = time
        self.swept = swept
        self.isClosed = isClosed
        self.isComplete = isComplete
    }
}

extension FunctionCall where Answer == ChannelHistory {
    /// The newest events that a feed keeps after a sequence number.
    ///
    /// - Parameters:
    ///   - sequence: the first event given is one after it.
    ///   - limit: how many sequence numbers are looked at, at most; retracted ones count.
    package static func newest(of feed: ChannelFeed, after sequence: Int64, limit: Int) -> Self {
        history(feed, [String(sequence), String(limit), ""]) { history in
            history.isComplete = history.last - Int64(limit) <= max(sequence, history.floor)
        }
    }

    /// The oldest events that a feed keeps after a sequence number. The server reads hardly more than is given.
    ///
    /// - Parameters:
    ///   - sequence: the first event given is one after it.
    ///   - limit: how many events are given at most.
    ///   - bytes: how many bytes they have together at most; one event is given in any case.
    package static func oldest(of feed: ChannelFeed, after sequence: Int64, limit: Int, bytes: Int) -> Self {
        history(feed, [String(sequence), String(limit), String(bytes)]) { history in
            history.isComplete = history.items.last?.sequence ?? history.last == history.last
        }
    }

    private static func history(
        _ feed: ChannelFeed, _ arguments: [String], complete: @escaping (inout ChannelHistory) -> Void
    ) -> Self {
        // The last argument asks for the three numbers before the events.
        FunctionCall("history", keys: [feed.epochKey], [feed.channel] + arguments + ["2"], isReadOnly: true) { value in
            guard var history = ChannelHistory(value) else { return nil }
            complete(&history)
            return history
        }
    }
}

extension ChannelHistory {
    /// Reads an answer of `tidings_history`, which does not say whether it is complete.
    fileprivate init?(_ value: RedisValue) {
        guard let parts = value.array, parts.count >= 8, parts.count % 2 == 0,
            let epoch = parts[0].integer, let born = parts[1].integer, let last = parts[2].integer,
            let state = parts[3].integer, let aboveFloor = parts[4].integer, let time = parts[5].integer,
            let swept = parts[6].integer, let closed = parts[7].integer
        else { return nil }
        var items: [Item] = []
        items.reserveCapacity(parts.count / 2)
        for index in stride(from: 8, to: parts.count, by: 2) {
            guard let sequence = parts[index].integer, let event = parts[index + 1].bytes else { continue }
            items.append(Item(sequence: sequence, event: event))
        }
        self.init(
            epoch: epoch, born: born, last: last, floor: aboveFloor - 1, items: items, time: time, swept: swept,
            isClosed: closed == 1, isComplete: false, isState: state == 1)
    }
}

extension FunctionCall where Answer == Int64 {
    /// Appends events to a channel's feed and announces them, in one step. Gives the last event's sequence number.
    ///
    /// - Parameters:
    ///   - events: in their order.
    ///   - policy: how much the channel keeps from now on.
    ///   - lifetime: the channel disappears after that many milliseconds without an event.
    package static func publish(
        _ events: [[UInt8]], to channel: String, keeping policy: HistoryPolicy, lifetime: Int64
    ) -> Self {
        let history = policy.age.map { "\(policy.word)/\($0)" } ?? policy.word
        var call = FunctionCall("publish", [channel, history, String(lifetime)]) { $0.integer }
        for event in events { call.command.append(event) }
        return call
    }
}
