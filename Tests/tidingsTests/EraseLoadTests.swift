import Glibc
import TestSupport
import Testing

/// `tidings erase` while workers work and people write.
@Suite(.serialized)
struct EraseLoadTests {
    /// Every byte that Redis stores, as the keys that contain a text.
    private func keys(containing text: String, in tidings: TidingsUp) throws -> String {
        let script = #"""
            local found = {}
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local kind = redis.call('TYPE', key).ok
              local values = kind == 'string' and { redis.call('GET', key) } or kind == 'hash' and redis.call('HGETALL', key)
                or kind == 'list' and redis.call('LRANGE', key, 0, -1) or kind == 'set' and redis.call('SMEMBERS', key)
                or redis.call('ZRANGE', key, 0, -1)
              if string.find(table.concat(values, ' '), ARGV[1], 1, true) then found[#found + 1] = key end
            end
            return found
            """#
        return try tidings.redis("EVAL", script, "0", text)
    }

    @Test("nothing that was sent before an erasure is left after it, and nobody else loses anything")
    func load() throws {
        let tidings = try TidingsUp(
            configuration: """
                partitions: 2
                stages: [validate, { moderate: { author_rate: 1000000/min } }, format, route, { publish: { history: 2000 } }]
                """)
        func events(_ range: Range<Int>, by author: (Int) -> Int) -> String {
            range.map { n in
                #"{"thread":"t\#(n % 10)","id":"c\#(n)","author":{"id":\#(author(n))},"text":"MARK\#(author(n)) \#(n)"}"#
                    + "\n"
            }.joined()
        }
        // Some are published, others on their way when the erasure begins.
        _ = try tidings.run("enqueue", "-", input: events(0..<2000) { $0 % 2 == 0 ? 42 : 7 })
        try tidings.waitUntilIdle()
        _ = try tidings.run("enqueue", "-", input: events(2000..<6000) { $0 % 2 == 0 ? 42 : 7 })
        let erasing = try tidings.launch("erase", "--author", "42", "--json")
        _ = try tidings.run("enqueue", "-", input: events(6000..<9000) { _ in 7 })
        #expect(try erasing.wait(within: 60) == .code(0), "\(erasing.errors)")
        try tidings.waitUntilIdle()
        #expect(try keys(containing: "MARK42", in: tidings) == "")
        let counts = try ParsedJSON(parsing: erasing.output)
        #expect((counts["comments"]?.integer ?? 0) + (counts["queued"]?.integer ?? 0) >= 3000, "\(erasing.output)")
        // 6,000 comments of the other one, each in its thread's history.
        let lengths = try (0..<10).map { thread in
            let items = try tidings.redis("HVALS", "feed.items:{thread:t\(thread)}")
            return items.split(separator: "\n").filter { $0.contains("MARK7") }.count
        }
        #expect(lengths.reduce(0, +) == 6000, "\(lengths)")
        let again = try tidings.run("erase", "--author", "42", "--json")
        for place in ["queued", "comments", "held", "dead_letters", "records", "rates", "channels"] {
            #expect(try ParsedJSON(parsing: again.output)[place] == 0, "\(again.output)")
        }
        let faults = try ParsedJSON(parsing: tidings.run("doctor", "--json").output)["checks"]?.array ?? []
        for check in faults where check["state"] == "fault" {
            #expect(
                check["id"]?.string?.hasPrefix("lane-") == false && check["id"]?.string?.hasPrefix("feed-") == false,
                "\(check)")
        }
    }

    @Test("archives are told who was erased, and their lines can be rewritten once they are put aside")
    func archives() throws {
        let folder = try TemporaryFolder()
        let tidings = try TidingsUp(
            configuration: """
                partitions: 2
                stages: [validate, { archive: { file: \(folder.file("c.ndjson")) } }, format, route, publish]
                """)
        let input = (0..<20).map {
            #"{"thread":"t\#($0)","author":{"id":\#($0 % 2 == 0 ? 42 : 7)},"text":"MARK\#($0 % 2 == 0 ? 42 : 7)"}"#
                + "\n"
        }.joined()
        _ = try tidings.run("enqueue", "-", input: input)
        try tidings.waitUntilIdle()
        let result = try tidings.run("erase", "--author", "42", "--json")
        #expect(try ParsedJSON(parsing: result.output)["told"] == 2, "\(result)")
        let names = ["c.0.ndjson", "c.1.ndjson"]
        try eventually(within: 20, "both archives say it: \(names.map(folder.read))", every: 0.05) {
            names.allSatisfy { folder.read($0).contains(#"{"type":"author.erased","author":"42","time":"#) }
        }
        try tidings.waitUntilIdle()
        #expect(try tidings.redis("HGET", "{comments.0}:lane:archive", "dropped:author_erased") == "1")
        // The workers hold them.
        let paths = names.map(folder.file)
        let refused = try TidingsBinary.run(["erase", "--author", "42", "--archive"] + paths)
        #expect(refused.exit == .code(75) && refused.errors.contains("is being written by a worker"), "\(refused)")
        #expect(names.map(folder.read).joined().contains("MARK42"))

        for name in names { rename(folder.file(name), folder.file("old.\(name)")) }
        // The next line closes the renamed files.
        _ = try tidings.run("enqueue", "-", input: input.replacing("MARK", with: "NEXT"))
        try tidings.waitUntilIdle()
        let old = names.map { folder.file("old.\($0)") }
        let dry = try TidingsBinary.run(["erase", "--author", "42", "--dry-run", "--archive"] + old)
        #expect(dry.output == "10 lines in 2 files; nothing was changed\n", "\(dry)")
        let rewritten = try TidingsBinary.run(["erase", "--author", "42", "--json", "--archive"] + old)
        #expect(try ParsedJSON(parsing: rewritten.output)["lines"] == 10, "\(rewritten)")
        let text = names.map { folder.read("old.\($0)") }.joined()
        #expect(!text.contains("MARK42") && text.split(separator: "\n").filter { $0.contains("MARK7") }.count == 10)
    }
}
