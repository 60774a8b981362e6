/// Names a lane: a stage in a partition. The door's stage is `incoming`; the open door belongs to no partition.
public struct LaneID: Sendable, Hashable, CustomStringConvertible {
    public static let door = "incoming"

    public let stage: String
    /// Nil for the open door, `NAME:incoming`.
    public let partition: Int?

    public init(stage: String, partition: Int?) {
        self.stage = stage
        self.partition = partition
    }

    public var isDoor: Bool { stage == LaneID.door }

    public var description: String {
        partition.map { "\(stage).\($0)" } ?? stage
    }
}
