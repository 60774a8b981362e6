import TestSupport
import Testing

/// `tidings erase` and `tidings export` on what workers have left behind, while none runs.
struct EraseTests {
    private let world: PersonWorld

    init() throws {
        world = try PersonWorld()
    }

    @Test("a dry run counts and changes nothing; the erasure removes each byte; a second one finds nothing")
    func erase() throws {
        try world.lay(threads: 6)
        let before = try world.digest()
        let counted = try world.erase("--dry-run")
        #expect(counted.exit == .code(0), "\(counted)")
        #expect(try world.digest() == before)
        let expected = try ParsedJSON(parsing: counted.output)
        #expect(expected["dry_run"] == true && expected["comments"]?.integer ?? 0 > 0, "\(counted.output)")

        let result = try world.erase()
        #expect(result.exit == .code(0), "\(result)")
        let counts = try ParsedJSON(parsing: result.output)
        for place in ["dead_letters", "held", "queued", "comments", "records", "rates", "channels"] {
            #expect(counts[place] == expected[place], "\(place): \(counted.output) \(result.output)")
            #expect(counts[place]?.integer ?? 0 > 0, "\(place): \(result.output)")
        }
        #expect(try world.keys(containing: "MARK42") == [])
        #expect(try world.keys(containing: "u:42") == [])
        #expect(try world.keys(containing: "MARK7") == world.others)

        let again = try ParsedJSON(parsing: world.erase().output)
        for place in ["dead_letters", "held", "queued", "comments", "items", "records", "rates", "channels"] {
            #expect(again[place] == 0, "\(place)")
        }
        try world.expectSound()
    }

    @Test(
        "an erasure that is killed at any moment is completed by the next one",
        arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func killed(seed: UInt64) throws {
        try world.lay(threads: 40)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<3 {
            let process = try world.launch()
            let moment = UInt32.random(in: 5_000...120_000, using: &generator)
            try pass(microseconds: moment)
            process.kill()
        }
        let result = try world.erase()
        #expect(result.exit == .code(0), "seed \(seed): \(result)")
        #expect(try world.keys(containing: "MARK42") == [], "seed \(seed)")
        #expect(try world.keys(containing: "u:42") == [], "seed \(seed)")
        #expect(try world.keys(containing: "MARK7") == world.others, "seed \(seed)")
        try world.expectSound()
    }

    @Test("text that people read names the places; what is wrong is said in one line")
    func forPeople() throws {
        try world.lay(threads: 1)
        let result = try world.run("erase", "--author", "42")
        #expect(result.output.contains("comments in histories") && result.output.contains("erased in"), "\(result)")
        #expect(try world.run("erase", "--author", "").exit == .code(2))
        #expect(try world.run("export", "--author", "").exit == .code(2))
        #expect(try world.run("erase").exit == .code(2))
        let away = try TidingsBinary.run(["erase", "--author", "42", "--redis", "unix:///nowhere/redis.sock"])
        #expect(away.exit == .code(75) && away.errors.contains("cannot reach Redis"), "\(away)")
        let help = try TidingsBinary.run(["help", "erase"])
        #expect(help.output.contains("tidings erase --author 42 --dry-run"))
    }

    @Test("a letter that is no JSON object and contains the id is left to a person")
    func unclear() throws {
        try world.lay(threads: 1)
        let letter =
            #"{"id":"validate.0-1-1-9","stage":"validate","error":"no JSON","attempts":1,"time":1,"event":"{42"}"#
        try world.server.cli("RPUSH", "{comments.0}:dead:validate", letter)
        let result = try world.erase()
        #expect(result.exit == .code(0))
        #expect(try ParsedJSON(parsing: result.output)["unclear"] == 1)
        #expect(result.errors.contains("tidings dead list"), "\(result.errors)")
    }

    @Test("the export has each comment once, in its newest version, with all places; nothing is changed")
    func export() throws {
        try world.lay(threads: 2)
        let before = try world.digest()
        let result = try world.run("export", "--author", "42")
        #expect(result.exit == .code(0), "\(result)")
        #expect(try world.digest() == before)
        let lines = try result.output.split(separator: "\n").map { try ParsedJSON(parsing: String($0)) }
        let names = lines.map { "\($0["thread"]?.string ?? "") \($0["id"]?.string ?? "")" }
        #expect(Set(names).count == lines.count)
        #expect(lines.allSatisfy { $0["event"]?["author"]?["id"] != "7" })
        let states = Set(lines.compactMap { $0["state"]?.string })
        #expect(states == ["published", "queued", "held", "dead"], "\(states)")
        let published = try #require(lines.first { $0["id"] == "p" && $0["thread"] == "t0" })
        let channels = (published["places"]?.array ?? []).compactMap { $0["channel"]?.string }
        #expect(Set(channels) == ["thread:t0", "user:42"], "\(published)")
        #expect(published["places"]?.array?.contains { $0["queue"] != nil } == true)
        // Its edit is on its way: the newest version.
        #expect(published["state"] == "queued" && published["event"]?["text"] == "MARK42 edit")
        #expect(published["event"]?["_v"] == nil && published["event"]?["_by"] == nil)

        let file = world.folder.file("out.ndjson")
        let written = try world.run("export", "--author", "42", "--output", file)
        #expect(written.output == "" && written.errors.contains("\(lines.count) comments written"), "\(written)")
        #expect(world.folder.read("out.ndjson") == result.output)
        #expect(try world.run("export", "--author", "nobody").output == "")
    }

    /// Lets time pass: the moment of the kill is what the seed decides.
    private func pass(microseconds: UInt32) throws {
        let end = ContinuousClock.now + .microseconds(Int(microseconds))
        try eventually(within: 5, "the moment of the kill", every: 0.001) { ContinuousClock.now >= end }
    }
}
