import Foundation
import TestSupport
import Testing

/// Closed threads, from the command to the readers and to those who post.
@Suite(.serialized)
struct ThreadTests {
    private static let apiKey = "blog-key-of-more-than-twenty"

    private static func json(thread: String = "42", id: String, type: String = "created", by sender: String? = nil)
        -> String
    {
        let by = sender.map { #""_by":"\#($0)","# } ?? ""
        return #"{\#(by)"thread":"\#(thread)","id":"\#(id)","type":"comment.\#(type)","text":"\#(id)"}"#
    }

    private static func post(_ up: TidingsUp, _ body: String, key: String = "the-edit-key-of-the-tests") throws
        -> HTTPResponse
    {
        try HTTPClient(port: up.port).post("/v1/comments", body, headers: ["Edit-Key": key])
    }

    private static func push(_ up: TidingsUp, _ events: String...) throws {
        for event in events { _ = try up.redis("RPUSH", "comments:incoming", event) }
    }

    /// The counter `dropped:REASON` of all lanes that publish.
    private static func dropped(_ up: TidingsUp, _ reason: String) throws -> Int {
        try up.status()["lanes"]?.array?.reduce(0) { $0 + ($1["reasons"]?[reason]?.integer ?? 0) } ?? 0
    }

    private static func channel(_ up: TidingsUp, _ name: String = "thread:42") throws -> (HTTPResponse, [ParsedJSON]) {
        let response = try HTTPClient(port: up.port).get("/v1/channels/\(name)?offset=-1")
        return (response, try ParsedJSON(parsing: response.text).array ?? [])
    }

    @Test("a thread that is closed takes nothing, its readers are told, and when it is opened posts pass again")
    func close() throws {
        let up = try TidingsUp()
        #expect(try Self.post(up, Self.json(id: "first")).status == 202)
        let port = up.port
        let reader = PollReader(["thread:42", "forum:music"], port: { port })
        try eventually(within: 10, "the first comment is read") { reader.ids(of: "thread:42") == ["first"] }
        #expect(try Self.channel(up).0[header: "Stream-Closed"] == nil)

        let closed = try up.run("thread", "close", "42", "--forum", "music")
        #expect(closed.succeeded && closed.output == "thread '42' is closed\n", "\(closed)")
        #expect(try up.run("thread", "close", "42").output.hasPrefix("thread '42' is closed already since 20"))
        #expect(try up.run("thread", "list").output.hasSuffix("Z  42\n"))
        let list = try ParsedJSON(parsing: up.run("thread", "list", "--json").output).array
        #expect(list?.count == 1 && list?[0]["thread"] == "42" && list?[0]["closed"]?.integer ?? 0 > 1_700_000_000_000)
        #expect(try up.status()["closed"]?.integer == 1)
        #expect(try up.run("status").output.contains("closed threads 1"))
        try eventually(within: 10, "the reader is told") {
            reader.ids(of: "thread:42").count == 2 && reader.ids(of: "forum:music").count == 1
        }
        let (response, events) = try Self.channel(up)
        #expect(response[header: "Stream-Closed"] == "true")
        #expect(events.map { $0["type"]?.string } == ["comment.created", "thread.closed"])

        // Whoever posts gets 409, and of many comments none is taken.
        let refusal = try Self.post(up, Self.json(id: "second"))
        #expect(refusal.status == 409)
        let error = try #require(ParsedJSON(parsing: refusal.text)["error"]?.string)
        #expect(error.contains("'42'") && error.contains("closed"), "\(refusal.text)")
        let many = [Self.json(thread: "43", id: "other"), Self.json(id: "second"), ""].joined(separator: "\n")
        #expect(try Self.post(up, many).status == 409)
        #expect(try Self.post(up, Self.json(id: "first", type: "edited")).status == 409)
        #expect(try Self.post(up, Self.json(thread: "43", id: "other")).status == 202)
        // A deletion of one's own comment is taken.
        #expect(try Self.post(up, Self.json(id: "first", type: "deleted")).status == 202)
        // The door is open: what comes is dropped.
        try Self.push(up, Self.json(id: "second"), Self.json(id: "first", type: "edited", by: "u:1"))
        try eventually(within: 10, "the door's post is dropped") { try Self.dropped(up, "closed") == 1 }
        try up.waitUntilIdle()
        #expect(try Self.dropped(up, "not-yours") == 1)
        #expect(try Self.channel(up, "thread:43").1.count == 1)
        #expect(
            try Self.channel(up).1.map { $0["type"]?.string } == [
                "comment.deleted", "thread.closed", "comment.deleted",
            ])

        #expect(try up.run("thread", "open", "42").output == "thread '42' is open\n")
        #expect(try up.run("thread", "open", "42").output == "thread '42' is open already\n")
        #expect(try up.run("thread", "list").output == "none\n")
        #expect(try up.run("thread", "list", "--json").output == "[]\n")
        #expect(try Self.post(up, Self.json(id: "third")).status == 202)
        try eventually(within: 10, "the reader reads on") { reader.ids(of: "thread:42").last == "third" }
        #expect(try Self.channel(up).0[header: "Stream-Closed"] == nil)
        #expect(reader.failures.isEmpty && reader.resets == 0)
        try reader.stop()
        try up.expectBalance()
    }

    @Test("a held comment that is approved after the closing is dropped; moderators close threads, strangers do not")
    func held() throws {
        let up = try TidingsUp()
        let links = "http://a.example http://b.example http://c.example http://d.example"
        try Self.push(up, #"{"thread":"42","id":"held","text":"\#(links)"}"#)
        try eventually(within: 10, "a held event") {
            try ParsedJSON(parsing: up.run("held", "list", "--json").output).array?.count == 1
        }
        try Self.push(up, #"{"_by":"u:7","thread":"42","type":"thread.closed"}"#)
        try eventually(within: 10, "it is not theirs") { try Self.dropped(up, "not-yours") == 1 }
        #expect(try up.run("thread", "list").output == "none\n")
        // The same bytes twice are no repeat.
        for _ in 0..<2 {
            try Self.push(up, #"{"_by":"m:7","thread":"42","type":"thread.closed","text":"MARK"}"#)
            try eventually(within: 10, "it is closed") { try up.run("thread", "list").output.hasSuffix("  42\n") }
            #expect(try up.run("held", "approve", "--all").succeeded)
            try up.waitUntilIdle()
            #expect(try Self.dropped(up, "closed") == 1)
            #expect(try up.run("thread", "open", "42").succeeded)
        }
        let events = try Self.channel(up).1
        #expect(events.compactMap { $0["type"]?.string?.dropFirst(7) } == ["closed", "opened", "closed", "opened"])
        #expect(try !Self.channel(up).0.text.contains("MARK"))
        // None of them has a channel of its own.
        #expect(try up.redis("EXISTS", "feed.state:{post:\(events[0]["id"]?.string ?? "")}") == "0")
        try up.expectBalance()
    }

    @Test("a closing that nobody publishes is said to wait, with exit code 75, and counts when somebody does")
    func waits() throws {
        let up = try TidingsUp()
        _ = try up.run("pause", "publish")
        let waiting = try up.run("thread", "close", "42", "--wait", "300ms")
        #expect(waiting.exit == .code(75) && waiting.output.isEmpty)
        #expect(waiting.errors.contains("waits in the pipeline") && waiting.errors.contains("tidings status"))
        #expect(try Self.post(up, Self.json(id: "early")).status == 202)
        _ = try up.run("resume", "publish")
        try eventually(within: 10, "it is closed") { try up.run("thread", "list").output.hasSuffix("  42\n") }
        try up.waitUntilIdle()
        // It came behind the closing.
        #expect(try Self.dropped(up, "closed") == 1)
        for arguments in [["thread", "close", ""], ["thread", "close", "a{b"], ["thread", "close"]] {
            let wrong = try TidingsBinary.run(arguments)
            #expect(wrong.exit == .code(2), "\(arguments): \(wrong)")
        }
        try up.expectBalance()
    }

    @Test("between random closings and openings, of posts over both doors, what the contract allows is published")
    func random() throws {
        var random = SplitMix64()
        let seed = random.seed
        let up = try TidingsUp(
            configuration: """
                stages:
                  - validate
                  - moderate: { author_rate: none }
                  - format
                  - route
                  - publish: { history: 5000 }
                """)
        var accepted: Set<String> = []
        var isClosed: Bool?
        for step in 0..<120 {
            let id = "n\(step)"
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1:
                let type = Bool.random(using: &random) ? "closed" : "opened"
                try Self.push(up, #"{"thread":"42","type":"thread.\#(type)"}"#)
                isClosed = nil
                if Bool.random(using: &random) {
                    // Nothing else is on its way now, so what follows is known.
                    try up.waitUntilIdle()
                    isClosed = type == "closed"
                }
            case 2..<6:
                try Self.push(up, Self.json(id: id))
                accepted.insert(id)
            default:
                let status = try Self.post(up, Self.json(id: id), key: "the-edit-key-number-\(step)-of-the-tests")
                    .status
                if let isClosed { #expect(status == (isClosed ? 409 : 202), "seed \(seed), step \(step)") }
                #expect(status == 202 || status == 409, "seed \(seed), step \(step): \(status)")
                if status == 202 { accepted.insert(id) }
            }
        }
        try up.waitUntilIdle()
        let events = try Self.channel(up).1
        var published: Set<String> = []
        var isOpen = true
        for event in events {
            switch event["type"]?.string {
            case "thread.closed": isOpen = false
            case "thread.opened": isOpen = true
            default:
                #expect(isOpen, "seed \(seed): \(event) while closed")
                published.insert(event["id"]?.string ?? "")
            }
        }
        #expect(published.isSubset(of: accepted), "seed \(seed)")
        #expect(published.count + (try Self.dropped(up, "closed")) == accepted.count, "seed \(seed)")
        #expect(
            try up.redis("HEXISTS", "{comments.\(Self.partition)}:closed", "42") == (isOpen ? "0" : "1"), "seed \(seed)"
        )
        try up.expectBalance()
    }

    /// CRC16 of `42`, modulo 8.
    private static let partition = 0
}
