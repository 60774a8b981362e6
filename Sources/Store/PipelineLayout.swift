package import JSON

/// Names a lane: a stage in a partition. The stage `incoming` stands before the first one. Its lane without a partition
/// has the queue `NAME:incoming`, into which any program may push.
public struct LaneID: Sendable, Hashable, CustomStringConvertible {
    public static let incoming = "incoming"
    /// The lane of `NAME:incoming`.
    package static let openInlet = LaneID(stage: incoming, partition: nil)

    public let stage: String
    /// Nil for the lane of `NAME:incoming`.
    public let partition: Int?

    public init(stage: String, partition: Int?) {
        self.stage = stage
        self.partition = partition
    }

    public var isIncoming: Bool { stage == LaneID.incoming }

    public var description: String {
        partition.map { "\(stage).\($0)" } ?? stage
    }
}

/// A pipeline's shape, and the one place that builds its Redis keys. Contract: docs/contract.md.
public struct PipelineLayout: Sendable, Equatable {
    /// The version of the keys and functions: processes of another one refuse to work together.
    public static let contract = 1

    /// The pipeline's name: 1 to 64 of `a-z A-Z 0-9 _ . -`.
    public let name: String
    public let partitions: Int
    /// The stages' names, in the order in which events pass them.
    public let stages: [String]

    public init(name: String, partitions: Int, stages: [String]) {
        self.name = name
        self.partitions = partitions
        self.stages = stages
    }

    /// Where a conversation belongs: CRC16 of its name, as Redis Cluster hashes keys, modulo the number of partitions.
    public func partition(of conversation: String) -> Int {
        Int(CRC16.checksum(conversation.utf8)) % partitions
    }

    /// Every lane: that of `NAME:incoming`, then partition by partition.
    public var lanes: [LaneID] {
        [LaneID(stage: LaneID.incoming, partition: nil)]
            + (0..<partitions).flatMap { partition in
                ([LaneID.incoming] + stages).map { LaneID(stage: $0, partition: partition) }
            }
    }

    /// The stage after this one; nil after the last.
    public func stage(after stage: String) -> String? {
        if stage == LaneID.incoming { return stages.first }
        guard let index = stages.firstIndex(of: stage), index + 1 < stages.count else { return nil }
        return stages[index + 1]
    }

    /// The shape as the functions compare it: `1/8/validate,publish`. A process names its own where it writes.
    package var shape: String { "\(PipelineLayout.contract)/\(partitions)/\(stages.joined(separator: ","))" }

    /// Whether the pipeline has this lane.
    package func contains(_ lane: LaneID) -> Bool {
        guard let partition = lane.partition else { return lane == .openInlet }
        return (0..<partitions).contains(partition) && (lane.isIncoming || stages.contains(lane.stage))
    }

    /// The lane of a stage in which an event goes on that was set aside: that of its conversation, since the number of
    /// partitions may have changed meanwhile.
    ///
    /// - Parameters:
    ///   - conversation: nil when the event names none.
    ///   - lane: where it was set aside, maybe in a lane of a former shape.
    package func lane(of stage: String, conversation: String?, from lane: LaneID) -> LaneID {
        if stage == LaneID.incoming {
            // This stage finds the partition itself.
            let own = LaneID(stage: stage, partition: lane.partition)
            return contains(own) ? own : .openInlet
        }
        let partition = conversation.map(partition(of:)) ?? lane.partition ?? 0
        return LaneID(stage: stage, partition: partition < partitions ? partition : 0)
    }

    /// Reads an element of ``former``; nil for what is none.
    package static func formerLane(_ text: String) -> LaneID? {
        let words = text.split(separator: " ", maxSplits: 1)
        guard words.count == 2, let partition = Int(words[0]), partition >= 0 else { return nil }
        return LaneID(stage: String(words[1]), partition: partition)
    }

    // MARK: Keys

    public func prefix(_ partition: Int?) -> String {
        partition.map { "{\(name).\($0)}" } ?? name
    }

    public func queue(_ lane: LaneID) -> String {
        lane.isIncoming ? "\(prefix(lane.partition)):incoming" : "\(prefix(lane.partition)):queue:\(lane.stage)"
    }

    public func lane(_ lane: LaneID) -> String {
        "\(prefix(lane.partition)):lane:\(lane.stage)"
    }

    public func dead(_ lane: LaneID) -> String {
        "\(prefix(lane.partition)):dead:\(lane.stage)"
    }

    public func held(_ lane: LaneID) -> String {
        "\(prefix(lane.partition)):held:\(lane.stage)"
    }

    /// The list of a lane's dead letters or of its held events.
    package func setAside(_ kind: SetAsideEvent.Kind, in lane: LaneID) -> String {
        kind == .dead ? dead(lane) : held(lane)
    }

    /// What the records of a partition's posts begin with.
    package func records(_ partition: Int?) -> String {
        "\(prefix(partition)):post:"
    }

    /// The closed conversations of a partition: a hash of their names, each with the time (ms) since which it is closed.
    package func closed(_ partition: Int?) -> String {
        "\(prefix(partition)):closed"
    }

    public func seen(_ partition: Int?) -> String {
        "\(prefix(partition)):seen"
    }

    /// Lanes of former shapes that may still have letters, as `PARTITION STAGE`.
    package var former: String { "\(name):former" }

    /// The pipeline's shape as the first process stored it.
    package var config: String { "\(name):config" }

    /// The pub/sub channel on which workers are told that lanes came free or that processes came and went.
    public var control: String { "\(name):control" }

    /// The processes that were heard lately: a sorted set of their ids by the time of the last heartbeat.
    public var processes: String { "\(name):procs" }

    /// The epoch that offsets of channels carry. All partitions of one server change theirs together.
    public var epoch: String { "\(prefix(0)):epoch" }
}

/// Finds the conversation of an event.
package enum ConversationKey {
    /// The value of `thread` as text; nil when there is none that could name a conversation.
    package static func conversation(of fields: JSONObject) -> String? {
        name(fields["thread"])
    }

    /// A value that names something, as text: a string or a whole number.
    package static func name(_ value: JSON?) -> String? {
        switch value {
        case .string(let name): name
        case .int(let number): String(number)
        case .uint(let number): String(number)
        default: nil
        }
    }
}

/// CRC16 as Redis Cluster uses it to hash keys (XMODEM: polynomial 0x1021, initial value 0).
/// Source: Redis cluster specification, appendix A.
package enum CRC16 {
    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var crc: UInt16 = 0
        for byte in bytes {
            crc = (crc << 8) ^ table[Int((crc >> 8) ^ UInt16(byte))]
        }
        return crc
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : (crc << 1) ^ 0x1021 }
    }
}
