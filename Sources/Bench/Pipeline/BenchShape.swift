package import Store

/// What is measured: a pipeline, and the events that go through it.
package struct BenchShape {
    package let name: String
    package let isStandard: Bool
    /// The configuration that the workers read.
    package let yaml: String
    package let stages: [String]

    package static let partitions = 8
    /// Conversations that the events belong to.
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

    package var layout: PipelineLayout {
        PipelineLayout(name: isStandard ? "bench5" : "bench3", partitions: BenchShape.partitions, stages: stages)
    }

    /// The events of a run, by partition: comments of about 400 bytes, in conversations.
    package func events(_ count: Int, from first: Int = 0) -> [Int: [[UInt8]]] {
        var result: [Int: [[UInt8]]] = [:]
        let text = String(repeating: "a comment as people write them, with a few words more, ", count: 3)
        for index in first..<first + count {
            let thread = "t\(index % BenchShape.conversations)"
            let event = """
                {"event_id":"\(index)","id":"c-\(index)","type":"comment.created","thread":"\(thread)","forum":"bench",\
                "author":{"id":\(index % 2000),"name":"reader-\(index % 2000)","email":"r@example.org"},\
                "text":"\(text)","created_at":"2013-11-07T06:20:48Z","ip":"198.51.100.2"}
                """
            result[layout.partition(of: thread), default: []].append(Array(event.utf8))
        }
        return result
    }
}
