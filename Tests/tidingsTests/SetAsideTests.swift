import TestSupport
import Testing

/// Dead letters in Redis while no process runs, more than one call carries.
struct SetAsideTests {
    private let server: RedisServer

    init() throws {
        server = try RedisServer()
    }

    private func run(_ arguments: String...) throws -> CommandResult {
        try TidingsBinary.run(arguments + ["--redis", server.url])
    }

    /// Letters of `validate` in partition 0, where the thread t6 belongs, with the ids `prefix-1` …, each with an event of about so many bytes.
    private func lay(_ count: Int, as prefix: String, bytes: Int = 10) throws {
        let script = """
            for i = 1, tonumber(ARGV[1]) do
              local id = ARGV[2] .. '-' .. i
              redis.call('RPUSH', KEYS[1], cjson.encode({
                id = id, stage = 'validate', error = 'too bad', attempts = 1, time = 1,
                event = { id = id, thread = 't6', text = string.rep('x', tonumber(ARGV[3])) } }))
            end
            """
        _ = try server.cli("EVAL", script, "1", "{comments.0}:dead:validate", "\(count)", prefix, "\(bytes)")
    }

    @Test("to list and to show letters writes nothing, neither a configuration nor functions")
    func readingOnly() throws {
        try lay(2, as: "a")
        let listed = try run("dead", "list")
        #expect(listed.output.split(separator: "\n").count == 2, "\(listed)")
        #expect(try run("dead", "show", "a-2").output.contains(#""id":"a-2""#))
        #expect(try run("held", "list", "--json").output == "[]\n")
        #expect(try server.cli("KEYS", "*") == "{comments.0}:dead:validate")
        #expect(try server.cli("FUNCTION", "LIST") == "")
    }

    @Test("letters of a pipeline of another shape are left alone")
    func otherShape() throws {
        try lay(1, as: "a")
        try server.cli("HSET", "comments:config", "contract", "1", "partitions", "4", "stages", "validate")
        for words in [["list"], ["drop", "--all"]] {
            let result = try TidingsBinary.run(["dead"] + words + ["--redis", server.url])
            #expect(result.exit == .code(1) && result.errors.contains("has partitions 4 in Redis, 8 here"), "\(result)")
        }
        #expect(try server.cli("HGET", "comments:config", "partitions") == "4")
        #expect(try server.cli("LLEN", "{comments.0}:dead:validate") == "1")
    }

    @Test("a stage alone means all of its letters; what is no letter stays; without a choice nothing happens")
    func wholeStage() throws {
        try server.cli("RPUSH", "{comments.0}:dead:validate", "no letter")
        try lay(450, as: "a")
        #expect(try run("dead", "drop").exit == .code(2))
        #expect(try run("dead", "drop", "--stage", "nosuch").exit == .code(2))
        #expect(try ParsedJSON(parsing: run("dead", "list", "--json").output).array?.count == 450)
        #expect(try run("dead", "retry", "--stage", "format").output == "0 put back\n")
        let result = try run("dead", "retry", "--stage", "validate")
        #expect(result.output == "450 put back\n", "\(result)")
        #expect(try server.cli("LRANGE", "{comments.0}:dead:validate", "0", "-1") == "no letter")
        #expect(try server.cli("LLEN", "{comments.0}:queue:validate") == "450")
        let (first, last) = try (
            server.cli("LINDEX", "{comments.0}:queue:validate", "0"),
            server.cli("LINDEX", "{comments.0}:queue:validate", "-1")
        )
        #expect(first.contains(#""a-1""#) && last.contains(#""a-450""#))
    }

    @Test("large letters are read and put back a few at a time")
    func large() throws {
        try lay(40, as: "a", bytes: 1 << 20)
        try server.cli("CONFIG", "RESETSTAT")
        #expect(try run("dead", "retry", "--all").output == "40 put back\n")
        #expect(try server.cli("LLEN", "{comments.0}:queue:validate") == "40")
        // A letter and its event are 2 MiB: two go together.
        let calls = try #require(server.cli("INFO", "commandstats").firstMatch(of: /cmdstat_fcall:calls=(\d+)/)?.1)
        #expect(Int(calls) ?? 0 >= 20, "\(calls)")
    }
}
