import TestSupport
import Testing

/// What an operator does at 3 a.m.: dead letters, held events, pause, purge.
@Suite(.serialized)
struct OperatorTests {
    @Test("dead letters are listed, shown, put back and dropped")
    func deadLetters() throws {
        let up = try TidingsUp()
        _ = try up.redis(
            "RPUSH", "comments:incoming", "no JSON", #"{"text":"no thread"}"#, #"{"thread":"t","text":" "}"#)
        try eventually(within: 10, "three dead letters") {
            try ParsedJSON(parsing: up.run("dead", "list", "--json").output).array?.count == 3
        }
        let letters = try ParsedJSON(parsing: up.run("dead", "list", "--json").output).array ?? []
        #expect(letters.map { $0["stage"]?.string } == ["incoming", "validate", "validate"])
        let first = try #require(letters[0]["id"]?.string)
        #expect(try up.run("dead", "show", first).output.contains(#""event":"no JSON""#))
        let list = try up.run("dead", "list", "--stage", "validate").output
        #expect(list.split(separator: "\n").count == 2 && list.contains("`thread` is missing"))

        // Put back, it fails again: the letter is a new one, and the counters say so.
        let retried = try up.run("dead", "retry", first)
        #expect(retried.output == "1 put back\n", "\(retried)")
        try eventually(within: 10, "it is dead again") { try up.redis("HGET", "comments:lane:incoming", "dead") == "2" }
        #expect(try up.run("dead", "retry", first).errors.contains("there is no dead letter '\(first)'"))

        #expect(try up.run("dead", "drop", "--all").output == "3 deleted\n")
        #expect(try up.run("dead", "list").output == "none\n")
        try up.expectBalance()
    }

    @Test("held events are approved into the feed or rejected")
    func heldEvents() throws {
        let up = try TidingsUp()
        let links = "http://a.example http://b.example http://c.example http://d.example"
        for id in ["one", "two"] {
            _ = try up.redis("RPUSH", "comments:incoming", #"{"thread":"t","id":"\#(id)","text":"\#(id) \#(links)"}"#)
        }
        try eventually(within: 10, "two held events") {
            try ParsedJSON(parsing: up.run("held", "list", "--json").output).array?.count == 2
        }
        let held = try ParsedJSON(parsing: up.run("held", "list", "--json").output).array ?? []
        let one = try #require(held.first { $0["event"]?["id"] == "one" }?["id"]?.string)
        #expect(try up.run("held", "approve", one).output == "1 sent on\n")
        try eventually(within: 10, "it is published") {
            try up.redis("LLEN", "feeds") != "" && up.redis("ZCARD", "feed.ids:{thread:t}") == "1"
        }
        #expect(try up.run("held", "reject", "--all").output == "1 deleted\n")
        #expect(try up.redis("ZCARD", "feed.ids:{thread:t}") == "1")
        try up.expectBalance()
    }

    @Test("what the last stage holds cannot be sent on: that is said, and nothing is touched")
    func heldAtTheEnd() throws {
        let up = try TidingsUp(configuration: "stages: [validate, moderate]\n")
        let links = "http://a.example http://b.example http://c.example http://d.example"
        _ = try up.redis("RPUSH", "comments:incoming", #"{"thread":"t","id":"one","text":"\#(links)"}"#)
        try eventually(within: 10, "a held event") {
            try ParsedJSON(parsing: up.run("held", "list", "--json").output).array?.count == 1
        }
        let id = try #require(
            ParsedJSON(parsing: up.run("held", "list", "--json").output).array?.first?["id"]?.string)
        for words in [id, "--all"] {
            let refused = try up.run("held", "approve", words)
            #expect(refused.exit == .code(1))
            #expect(refused.errors.contains("no stage follows moderate"), "\(refused)")
            #expect(refused.output.isEmpty)
        }
        #expect(try ParsedJSON(parsing: up.run("held", "list", "--json").output).array?.count == 1)
        #expect(try up.run("held", "reject", id).output == "1 deleted\n")
    }

    @Test("a paused stage keeps what comes in its queue, goes on when resumed, and can be purged")
    func pause() throws {
        let up = try TidingsUp()
        #expect(try up.run("pause", "format").output.hasPrefix("8 lanes of format paused"))
        for number in 0..<5 {
            _ = try up.redis("RPUSH", "comments:incoming", #"{"thread":"t","text":"number \#(number)"}"#)
        }
        func waiting() throws -> Int {
            try up.status()["lanes"]?.array?.filter { $0["stage"] == "format" }
                .reduce(0) { $0 + ($1["waiting"]?.integer ?? 0) } ?? 0
        }
        try eventually(within: 10, "five wait") { try waiting() == 5 }
        #expect(try up.run("status").output.contains("paused"))
        #expect(try up.run("resume", "format").succeeded)
        try eventually(within: 10, "they are published") { try up.redis("ZCARD", "feed.ids:{thread:t}") == "5" }

        _ = try up.run("pause", "format")
        _ = try up.redis("RPUSH", "comments:incoming", #"{"thread":"t","text":"never seen"}"#)
        try eventually(within: 10, "one waits") { try waiting() == 1 }
        #expect(try up.run("purge", "format").exit == .code(2))
        #expect(try up.run("purge", "format", "--yes").output == "1 events dropped\n")
        _ = try up.run("resume", "format")
        try up.expectBalance()
        #expect(try up.redis("ZCARD", "feed.ids:{thread:t}") == "5")
    }
}

extension TidingsUp {
    /// Every lane's counters add up.
    func expectBalance() throws {
        for lane in try status()["lanes"]?.array ?? [] {
            func count(_ name: String) -> Int { lane[name]?.integer ?? 0 }
            let gone = count("out") + count("dropped") + count("held") + count("dead")
            let arrived = lane["stage"] == "incoming" ? gone : gone + count("waiting")
            #expect(count("in") == arrived, "\(lane)")
        }
    }
}
