import Store
import TestSupport
import Testing

/// Letters of partitions and stages that the pipeline does not have any more.
struct FormerShapeTests {
    private let server: RedisServer
    private let folder: TemporaryFolder

    init() throws {
        server = try RedisServer()
        folder = try TemporaryFolder()
    }

    private func configuration(_ partitions: Int, _ stages: [String]) throws -> String {
        try folder.write(
            "partitions: \(partitions)\nstages: [\(stages.joined(separator: ", "))]\n",
            to: "\(partitions)-\(stages.count).yaml")
    }

    private func run(_ configuration: String, _ arguments: String...) throws -> CommandResult {
        try TidingsBinary.run(arguments + ["--config", configuration, "--redis", server.url])
    }

    /// One letter of each thread in its partition, as a worker sets it aside.
    private func lay(_ kind: String, stage: String, _ threads: ClosedRange<Int>, _ layout: PipelineLayout) throws {
        for thread in threads {
            let lane = LaneID(stage: stage, partition: layout.partition(of: "t\(thread)"))
            let letter =
                #"{"id":"\#(lane)-1-\#(thread)","stage":"\#(stage)","error":"too bad","attempts":1,"time":1,"#
                + #""event":{"thread":"t\#(thread)","text":"\#(thread)"}}"#
            try server.cli("RPUSH", kind == "dead" ? layout.dead(lane) : layout.held(lane), letter)
        }
    }

    @Test(
        "after a change of partitions every letter is listed, counted, and goes on where its conversation is now",
        arguments: [(8, 3), (3, 8)])
    func partitions(_ before: Int, _ after: Int) throws {
        let stages = ["validate", "route", "publish"]
        let (old, new) = try (configuration(before, stages), configuration(after, stages))
        _ = try run(old, "enqueue", "/dev/null")
        try lay("dead", stage: "validate", 1...20, PipelineLayout(name: "comments", partitions: before, stages: stages))
        try lay(
            "held", stage: "validate", 21...30, PipelineLayout(name: "comments", partitions: before, stages: stages))
        // The first process of the new shape.
        let first = try run(new, "enqueue", "/dev/null")
        #expect(first.succeeded, "\(first)")
        #expect(try server.cli("HGET", "comments:config", "partitions") == "\(after)")
        #expect(try run(new, "dead", "list").output.split(separator: "\n").count == 20)
        #expect(try run(new, "held", "list", "--stage", "validate").output.split(separator: "\n").count == 10)
        let status = try run(new, "status")
        #expect(status.output.contains("20 dead letters") && status.output.contains("10 events wait"), "\(status)")
        #expect(try run(new, "dead", "show", "--all").output.contains(#""text":"20""#))

        let layout = PipelineLayout(name: "comments", partitions: after, stages: stages)
        #expect(try run(new, "dead", "retry", "--all").output == "20 put back\n")
        #expect(try run(new, "held", "approve", "--all").output == "10 sent on\n")
        var threads: Set<String> = []
        for stage in ["validate", "route"] {
            for partition in 0..<after {
                let lane = LaneID(stage: stage, partition: partition)
                let events = try server.cli("LRANGE", layout.queue(lane), "0", "-1").split(separator: "\n")
                for event in events {
                    let thread = try #require(ParsedJSON(parsing: String(event))["thread"]?.string)
                    #expect(layout.partition(of: thread) == partition)
                    threads.insert(thread)
                }
                let arrived = try server.cli("HGET", layout.lane(lane), "in")
                #expect(arrived == (events.isEmpty ? "" : "\(events.count)"))
            }
        }
        #expect(threads == Set((1...30).map { "t\($0)" }))
        #expect(try run(new, "dead", "list").output == "none\n" && run(new, "held", "list").output == "none\n")
        #expect(try server.cli("EXISTS", "comments:former") == "0")
    }

    @Test("letters of a stage that is gone go to the stage that is named, and else nothing is touched")
    func stage() throws {
        let stages = ["validate", "moderate", "route", "publish"]
        let (old, new) = try (configuration(4, stages), configuration(4, ["validate", "route", "publish"]))
        _ = try run(old, "enqueue", "/dev/null")
        let layout = PipelineLayout(name: "comments", partitions: 4, stages: stages)
        try lay("dead", stage: "moderate", 1...6, layout)
        try lay("held", stage: "moderate", 7...12, layout)
        #expect(try run(new, "enqueue", "/dev/null").succeeded)
        for (kind, word) in [("dead", "retry"), ("held", "approve")] {
            #expect(try run(new, kind, "list", "--stage", "moderate").output.split(separator: "\n").count == 6)
            for selection in [["--all"], ["--stage", "moderate"]] {
                let refused = try TidingsBinary.run(
                    [kind, word] + selection + ["--config", new, "--redis", server.url])
                #expect(refused.exit == .code(1) && refused.output.isEmpty)
                #expect(refused.errors.contains("no stage 'moderate' any more"), "\(refused)")
                #expect(refused.errors.contains("--to: validate, route, publish"), "\(refused)")
            }
            #expect(try run(new, kind, word, "--all", "--to", "nosuch").exit == .code(2))
            #expect(try run(new, kind, word, "--all", "--to", "route").output.hasPrefix("6 "))
        }
        let waiting = try (0..<4).map { try Int(server.cli("LLEN", "{comments.\($0)}:queue:route")) ?? 0 }
        #expect(waiting.reduce(0, +) == 12)
        #expect(try run(new, "dead", "list", "--stage", "moderate").exit == .code(2), "nothing is left of it")
    }

    @Test("letters that a shape of an older version left are found by the doctor, who says how to list them")
    func unwritten() throws {
        let new = try configuration(2, ["validate", "publish"])
        #expect(try run(new, "enqueue", "/dev/null").succeeded)
        let layout = PipelineLayout(name: "comments", partitions: 8, stages: ["validate"])
        try lay("dead", stage: "validate", 1...20, layout)
        let before = try run(new, "dead", "list").output.split(separator: "\n").count
        let doctor = try run(new, "doctor", "--all")
        for partition in 2..<8 where try server.cli("EXISTS", "{comments.\(partition)}:dead:validate") == "1" {
            #expect(doctor.output.contains("SADD comments:former '\(partition) validate'"), "\(doctor)")
            try server.cli("SADD", "comments:former", "\(partition) validate")
        }
        #expect(before < 20)
        #expect(try run(new, "dead", "list").output.split(separator: "\n").count == 20)
        #expect(try run(new, "dead", "retry", "--all").output == "20 put back\n")
    }
}
