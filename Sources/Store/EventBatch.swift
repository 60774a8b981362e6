internal import Redis

/// Events on their way into the queues of a stage, by partition, encoded for the call that brings them.
package struct EventBatch {
    /// How many events it has.
    package private(set) var count = 0
    /// The bytes of its events.
    package private(set) var bytes = 0
    /// The events of each partition, as arguments of a command; none behind the last partition that has some.
    private var partitions: [RedisCommand] = []

    package init() {}

    package init(_ events: [Int: [[UInt8]]]) {
        for (partition, events) in events {
            for event in events { event.withUnsafeBytes { append($0, to: partition) } }
        }
    }

    package var isEmpty: Bool { count == 0 }

    /// Adds an event behind the others of its partition. Its bytes are copied.
    package mutating func append(_ event: UnsafeRawBufferPointer, to partition: Int) {
        while partitions.count <= partition { partitions.append(RedisCommand()) }
        partitions[partition].append(event)
        count += 1
        bytes += event.count
    }

    /// The partitions that get events, in their order.
    fileprivate var groups: [(partition: Int, events: RedisCommand)] {
        partitions.enumerated().filter { $0.element.wordCount > 0 }.map { ($0.offset, $0.element) }
    }
}

/// A call that is taken only when the one before it in its run was the last that was.
package struct EnqueueTurn: Equatable {
    /// A name that no other caller uses.
    package let run: String
    /// From 0.
    package let number: Int

    package init(run: String, number: Int) {
        self.run = run
        self.number = number
    }
}

/// What became of events that were put into queues.
package enum EnqueueAnswer: Equatable {
    case done
    /// This queue is full; no event was taken.
    case full(queue: String, length: Int64)
    /// This conversation is closed; no event was taken.
    case closed(conversation: String)
    /// A call before it in its run was not taken, or the run is not known any more; no event was taken.
    case skipped
}

extension FunctionCall where Answer == EnqueueAnswer {
    /// Puts events into the queues of a stage, by partition, all of them or none.
    ///
    /// - Parameters:
    ///   - turn: the call's place among those of a caller that has several under way; nil: it is alone.
    ///   - conversations: by partition, those that must not be closed. Of partitions that get events.
    ///   - limit: a queue that holds so many events takes none; 0: no limit.
    package static func enqueue(
        _ events: EventBatch, in turn: EnqueueTurn? = nil, ifOpen conversations: [Int: Set<String>] = [:],
        for stage: String, of layout: PipelineLayout, limit: Int
    ) -> Self {
        let groups = events.groups
        let lanes = groups.map { LaneID(stage: stage, partition: $0.partition) }
        var call = FunctionCall(
            turn == nil ? "enqueue" : "enqueue_next", keys: lanes.flatMap { [layout.queue($0), layout.lane($0)] },
            (turn.map { [$0.run, String($0.number)] } ?? []) + [String(limit)], parse: answer)
        call.command.reserve(groups.reduce(256) { $0 + $1.events.byteCount + 16 })
        for (_, events) in groups {
            call.command.append(events.wordCount)
            call.command.append(argumentsOf: events)
        }
        call.command.append(layout.shape)
        if conversations.values.contains(where: { !$0.isEmpty }) {
            for (partition, _) in groups {
                call.command.append((conversations[partition] ?? []).sorted().map { Array($0.utf8) })
            }
        }
        return call
    }

    /// The same for a caller that has its events in lists.
    package static func enqueue(
        _ events: [Int: [[UInt8]]], ifOpen conversations: [Int: Set<String>] = [:], for stage: String,
        of layout: PipelineLayout, limit: Int
    ) -> Self {
        enqueue(EventBatch(events), ifOpen: conversations, for: stage, of: layout, limit: limit)
    }

    private static func answer(_ value: RedisValue) -> EnqueueAnswer? {
        let detail = value.array?.dropFirst().first?.text
        switch value.array?.first?.text {
        case "OK": return .done
        case "CLOSED": return .closed(conversation: detail ?? "")
        case "SKIPPED": return .skipped
        case "FULL": return .full(queue: detail ?? "the queue", length: value.array?.last?.integer ?? 0)
        default: return nil
        }
    }
}
