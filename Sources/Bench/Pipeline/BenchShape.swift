package import Store

/// What is measured: a pipeline, and the events that go through it.
package struct BenchShape {
    package let name: String
    package let isStandard: Bool
    /// The configuration that the workers read.
    package let yaml: String
    package let stages: [String]

    package static let partitions = 8
    /// Conversations of ``WorstComments``.
    package static let conversations = 500

    package static let threeStages = BenchShape(
        name: "three pass-through", isStandard: false,
        yaml: """
            pipeline: bench3
            stages: [ { one: { pass: true } }, { two: { pass: true } }, { three: { pass: true } } ]
            """,
        stages: ["one", "two", "three"])

    package static let standard = BenchShape(
        name: "default pipeline", isStandard: true,
        yaml: """
            pipeline: bench5
            stages: [ validate, { moderate: { author_rate: 1000000/min } }, format, route, publish ]
            """,
        stages: ["validate", "moderate", "format", "route", "publish"])

    /// The same with a limit of its own on how long a commit holds Redis, in milliseconds; 0: batches are as large as they
    /// may be, on any machine.
    package func with(callTime: Int) -> BenchShape {
        BenchShape(name: name, isStandard: isStandard, yaml: yaml + "\ncall_time: \(callTime)ms\n", stages: stages)
    }

    package var layout: PipelineLayout {
        PipelineLayout(name: isStandard ? "bench5" : "bench3", partitions: BenchShape.partitions, stages: stages)
    }
}
