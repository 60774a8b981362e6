import TestSupport
import Testing

/// What strangers can do with default limits, as `tidings bench abuse` measures it: real processes, real Redis.
@Suite("What an attack costs")
struct AbuseTests {
    private struct Row {
        let attack: String
        let sent: Int
        let memory: Int
        let keys: Int
        let answers: [String: Int]

        init(_ json: ParsedJSON) throws {
            attack = try #require(json["attack"]?.string)
            sent = try #require(json["sent"]?.integer)
            memory = try #require(json["memory"]?.integer)
            keys = try #require(json["keys"]?.integer)
            var answers: [String: Int] = [:]
            for status in ["202", "400", "413", "429", "503"] { answers[status] = json["answers"]?[status]?.integer }
            self.answers = answers
        }

        /// Comments that were taken, each of which may cost a fixed number of keys.
        var taken: Int { answers["202"] ?? 0 }
    }

    /// Keys that one comment may cost: four for each of eight channels, and what the pipeline remembers of it.
    private static let keysOfComment = 36
    /// What one key costs besides its contents.
    private static let bytesOfKey = 512

    @Test("no request costs Redis more than 8 times its bytes and a fixed number of keys", .timeLimit(.minutes(5)))
    func costs() throws {
        let bench = try TidingsBinary.run(["bench", "abuse", "--json"], within: 240)
        try #require(bench.succeeded, "\(bench.errors)")
        let rows = try #require(try ParsedJSON(parsing: bench.output).array).map(Row.init)
        #expect(rows.count > 12)
        func row(_ part: String) throws -> Row { try #require(rows.first { $0.attack.contains(part) }, "\(part)") }
        for row in rows {
            #expect(row.memory <= 8 * row.sent + row.taken * Self.keysOfComment * Self.bytesOfKey, "\(row)")
            if !row.attack.contains("deletions") { #expect(row.keys <= row.taken * Self.keysOfComment, "\(row)") }
        }
        // What was measured before there were limits: 42 MB, 34 KB in 128 keys, 115 MB in 387,004 keys.
        #expect(try row("63 KB of quotes").answers == ["413": 1])
        #expect(try row("16 KB of `&`").answers == ["413": 1])
        #expect(try row("63 KB of `<`").answers == ["413": 1])
        #expect(try row("16 KB of quotes").answers == ["202": 1])
        #expect(try row("names 32 channels").memory < 12_000)
        let deletions = try row("deletions of nothing")
        #expect(deletions.answers == ["413": 3] && deletions.keys == 0)
        // They are nobody's, so they are dropped; what is left are the keys of repeats.
        let unlimited = try row("the same deletions")
        #expect(unlimited.keys <= 20 && unlimited.memory < 600_000)
        // Stored twice in each channel: at its comment's place and at its own.
        #expect(try row("then an edit").memory > 16_000)
        // Each channel that it has left keeps a short deletion.
        #expect(try row("10 versions").memory < 120_000)
        #expect(try row("60 new conversations").taken == 10)
        #expect(try row("another `author.id`").answers == ["202": 10, "429": 90])
        #expect(try row("one IPv6 /64").answers == ["202": 10, "429": 90])
        #expect(try row("from 100 addresses").answers == ["202": 100])
    }
}
