import TestSupport
import Testing

/// What a person gets to read, and the exit codes.
struct CommandTests {
    @Test("enqueue names bad lines by number, takes the others, and exits 1")
    func badLines() throws {
        let server = try RedisServer()
        let input = """
            {"thread":"a","text":"one"}
            nonsense

            {"text":"no thread"}
            {"thread":7,"text":"two"}
            {"_v":"9999999999999999-1-1","thread":"a","text":"forged"}
            """
        let result = try TidingsBinary.run(["enqueue", "--redis", server.url], input: input)
        #expect(result.exit == .code(1))
        #expect(result.errors.contains("line 2: no JSON object"))
        #expect(result.errors.contains("line 4: `thread` is missing"))
        #expect(result.errors.contains("line 6: `_v` is a member of ours"))
        #expect(result.output.hasPrefix("2 events enqueued"))
        let lengths = try (0..<8).map { try Int(server.cli("LLEN", "{comments.\($0)}:queue:validate")) ?? 0 }
        #expect(lengths.reduce(0, +) == 2)
    }

    @Test("enqueue without a Redis exits 75 and says what to do")
    func noRedis() throws {
        let result = try TidingsBinary.run(["enqueue", "--redis", "unix:///nowhere/redis.sock"], input: "{}")
        #expect(result.exit == .code(75))
        #expect(result.errors.contains("cannot reach Redis"))
        #expect(result.errors.contains("tidings up"))
    }

    @Test("enqueue into a key that holds something else exits 1, since time will not cure it, and says so in one line")
    func foreignQueue() throws {
        let server = try RedisServer()
        for partition in 0..<8 { try server.cli("SET", "{comments.\(partition)}:queue:validate", "a stranger's") }
        let result = try TidingsBinary.run(["enqueue", "--redis", server.url], input: #"{"thread":"a","text":"one"}"#)
        #expect(result.exit == .code(1), "\(result.errors)")
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(result.errors)")
        #expect(result.errors.hasPrefix("tidings: stopped after 0 events, at line 1 of -: "), "\(result.errors)")
        #expect(result.errors.contains("WRONGTYPE"), "\(result.errors)")
    }

    @Test(
        "wrong use exits 2 and says what is right",
        arguments: [
            (["enqueue", "--redis", "http://x"], "unknown scheme"),
            (["enqueue", "--redis", "rediss://x"], "is not supported"),
            (["enqueue", "/no/such/file"], "cannot read"),
            (["work", "nosuchstage", "--redis", "unix:///nowhere"], "no stage 'nosuchstage'"),
            (["edge", "--listen", "nonsense"], "is no address"),
            (["edge", "--hold", "99"], "--hold takes 1 to 55"),
            (["status", "--config", "/no/such.yaml"], "/no/such.yaml: cannot be read"),
            (["nonsense"], "no command 'nonsense'"),
        ])
    func wrongUse(arguments: [String], expected: String) throws {
        let result = try TidingsBinary.run(arguments)
        #expect(result.exit == .code(2), "\(result.errors)")
        #expect(result.errors.contains(expected), "\(result.errors)")
    }

    @Test("status of a Redis without a pipeline says so")
    func noPipeline() throws {
        let server = try RedisServer()
        let result = try TidingsBinary.run(["status", "--redis", server.url])
        #expect(result.exit == .code(1))
        #expect(result.errors.contains("no pipeline is called comments"))
    }

    @Test("a process whose configuration differs from the one that runs refuses to start and says why")
    func differs() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let other = try folder.write("partitions: 4\n", to: "other.yaml")
        let work = try TidingsBinary.launch(["work", "--workers", "1", "--redis", server.url])
        try eventually(within: 20, "the worker has its lanes") {
            try server.cli("HGET", "comments:lane:incoming", "token") != ""
        }
        let result = try TidingsBinary.run(["work", "--redis", server.url, "--config", other])
        #expect(result.exit == .code(1))
        #expect(result.errors.contains("has partitions 8 in Redis, 4 here"), "\(result.errors)")
        work.kill()
    }

    @Test("help names every command, with examples")
    func help() throws {
        let result = try TidingsBinary.run(["--help"])
        #expect(result.exit == .code(0))
        for command in ["up", "work", "edge", "enqueue", "status", "token", "bench"] {
            #expect(result.output.contains("\n  \(command) "), "\(command)")
        }
        #expect(result.output.contains("tidings enqueue comments.ndjson"))
    }
}
