import Events
import Redis
import Store
import TestSupport
import Testing

@testable import Pipeline

@Suite("the stage of the lane incoming")
struct PartitionStageTests {
    @Test("an event goes to the partition of its conversation, one without a conversation to the first")
    func partitions() throws {
        let layout = PipelineLayout(name: "t", partitions: 4, stages: ["a"])
        let runner = try LoopRunner()
        let redis = RedisConnection(
            on: runner.loop, to: try RedisAddress(url: "redis://127.0.0.1:1"), name: "unused", logger: .silent)
        let context = StageContext(
            pipeline: "t", stage: "incoming", partition: 0, loop: runner.loop, redis: redis, logger: .silent, now: 0)
        let stage = PartitionStage(layout: layout)
        let cases =
            (0..<12).map { (#"{"thread":"\#($0)"}"#, layout.partition(of: "\($0)")) }
            + [(#"{"thread":7}"#, layout.partition(of: "7")), (#"{"text":"none"}"#, 0), (#"{"thread":null}"#, 0)]
        for (text, expected) in cases {
            guard case .assign(let same, let partition) = try stage.process(event(text), context: context) else {
                Issue.record("\(text) is not assigned")
                continue
            }
            #expect(partition == expected && same.bytes == Array(text.utf8), "\(text)")
        }
    }
}
