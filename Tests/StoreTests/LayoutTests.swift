import Store
import Testing

@Suite("the layout of a pipeline")
struct LayoutTests {
    private let layout = PipelineLayout(name: "comments", partitions: 3, stages: ["validate", "format"])

    @Test("keys are those of the contract")
    func keys() {
        let lane = LaneID(stage: "format", partition: 2)
        let door = LaneID(stage: "incoming", partition: 2)
        let open = LaneID(stage: "incoming", partition: nil)
        #expect(layout.queue(open) == "comments:incoming")
        #expect(layout.queue(door) == "{comments.2}:incoming")
        #expect(layout.queue(lane) == "{comments.2}:queue:format")
        #expect(layout.lane(lane) == "{comments.2}:lane:format")
        #expect(layout.lane(open) == "comments:lane:incoming")
        #expect(layout.dead(lane) == "{comments.2}:dead:format")
        #expect(layout.held(lane) == "{comments.2}:held:format")
        #expect(layout.seen(2) == "{comments.2}:seen")
        #expect(layout.epoch == "{comments.0}:epoch")
        #expect(layout.control == "comments:control")
    }

    @Test("lanes are the open door, then a door and every stage, partition by partition")
    func lanes() {
        #expect(
            layout.lanes.map(\.description) == [
                "incoming", "incoming.0", "validate.0", "format.0", "incoming.1", "validate.1", "format.1",
                "incoming.2",
                "validate.2", "format.2",
            ])
    }

    @Test("a stage is followed by the next of the list, a door by the first")
    func after() {
        #expect(layout.stage(after: "incoming") == "validate")
        #expect(layout.stage(after: "validate") == "format")
        #expect(layout.stage(after: "format") == nil)
        #expect(layout.stage(after: "unknown") == nil)
    }

    @Test("a conversation belongs to the partition that CRC16 says")
    func partition() {
        #expect(layout.partition(of: "123456789") == 0x31C3 % 3)
        #expect(Set((0..<100).map { layout.partition(of: "thread \($0)") }) == [0, 1, 2])
    }
}
