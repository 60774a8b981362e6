import TestSupport
import Testing

@testable import Edge

@Suite("GET /v1/poll")
struct PollEndpointTests {
    private static let empty = "0000000001_0000000000000_0001700000000000"

    @Test("one request waits for many channels, and the answer lists all of them")
    func many() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        let client = edge.client()
        let first = try client.get("/v1/poll?c=thread:1@-1&c=forum:x@now")
        let offset = "0000000001_1700000000000_0000000000000001"
        #expect(
            first.text == """
                {"channels":{"thread:1":{"next":"\(offset)","events":[1],"reset":false},\
                "forum:x":{"next":"\(Self.empty)","events":[],"reset":false}},"wait":0}
                """)
        try client.send(
            raw: "GET /v1/poll?c=thread:1@\(offset)&c=forum:x@\(Self.empty) HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.publish("{\"a\":2}", to: "forum:x")
        let second = try client.readResponse().json
        #expect(second["channels"]?["forum:x"]?["events"]?.array?.first?["a"]?.integer == 2)
        #expect(second["channels"]?["forum:x"]?["next"]?.string == offset)
        #expect(second["channels"]?["thread:1"]?["next"]?.string == offset)
    }

    @Test("at the end of the hold the answer has the same offsets and no events")
    func timeout() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let answer = try edge.client().get("/v1/poll?c=thread:1@now&timeout=1")
        #expect(
            answer.text == """
                {"channels":{"thread:1":{"next":"\(Self.empty)","events":[],"reset":false}},"wait":0}
                """)
    }

    @Test("a lost position restarts with the available history")
    func reset() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.on { $0.source.capacity = 2 }
        for number in 1...4 { try edge.publish("\(number)", to: "thread:1") }
        let answer = try edge.client().get(
            "/v1/poll?c=thread:1@0000000001_1700000000000_0000000000000001&c=thread:2@now")
        #expect(
            answer.text == """
                {"channels":{"thread:1":{"next":"0000000001_1700000000000_0000000000000004","events":[3,4],"reset":true},\
                "thread:2":{"next":"\(Self.empty)","events":[],"reset":false}},"wait":0}
                """)
    }

    @Test("nothing is answered before every channel's position is known")
    func waitsForAll() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        _ = try edge.client().get("/v1/channels/thread:1")
        try edge.on { $0.source.holdsLoads = true }
        let client = edge.client()
        try client.send(raw: "GET /v1/poll?c=thread:1@-1&c=thread:2@now HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.publish("7", to: "thread:2")
        try edge.on { $0.source.answerLoads() }
        // The second channel's first event came before its position was known: `now` is after it.
        let answer = try client.readResponse().json
        #expect(answer["channels"]?["thread:1"]?["events"]?.array?.count == 1)
        #expect(answer["channels"]?["thread:2"]?["next"]?.string == "0000000001_1700000000000_0000000000000001")
    }

    @Test("a channel's name is written as JSON that may stand in a script: U+2028 ends a line there")
    func lineSeparator() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:a\u{2028}\u{2029}<")
        let answer = try edge.client().get("/v1/poll?c=thread:a%E2%80%A8%E2%80%A9%3C@-1")
        #expect(answer.text.contains(#""thread:a\u2028\u2029\u003c":"#), "\(answer.text)")
        #expect(try answer.json["channels"]?["thread:a\u{2028}\u{2029}<"]?["events"]?.array?.count == 1)
    }

    @Test("an answer is bounded, and every channel gets its turn")
    func limit() throws {
        let edge = try EdgeHarness { $0.limits.answerBytes = 12 }
        defer { try? edge.stop() }
        for number in 10...14 {
            for channel in ["thread:1", "thread:2"] { try edge.publish("\(number)", to: channel) }
        }
        let client = edge.client()
        var offsets = ["thread:1": "-1", "thread:2": "-1"]
        var seen: [String: [Int]] = [:]
        // Stop when everything is read, since the next poll would be held.
        for _ in 0..<6 where seen.values.reduce(0, { $0 + $1.count }) < 10 {
            let target =
                "/v1/poll?timeout=1&"
                + offsets.sorted { $0.key < $1.key }.map { "c=\($0)@\($1)" }.joined(separator: "&")
            let answer = try client.get(target).json
            for channel in offsets.keys {
                seen[channel, default: []] += (answer["channels"]?[channel]?["events"]?.array ?? []).compactMap {
                    $0.integer
                }
                offsets[channel] = try #require(answer["channels"]?[channel]?["next"]?.string)
            }
        }
        #expect(seen == ["thread:1": Array(10...14), "thread:2": Array(10...14)])
    }

    @Test("a position that only the feed still has is read from there, beside channels in memory")
    func older() throws {
        let edge = try EdgeHarness { $0.limits.ringEvents = 4 }
        defer { try? edge.stop() }
        for number in 1...20 { try edge.publish("\(number)", to: "thread:1") }
        let answer = try edge.client().get("/v1/poll?c=thread:1@-1&c=thread:2@now").json
        let events = (answer["channels"]?["thread:1"]?["events"]?.array ?? []).compactMap { $0.integer }
        #expect(events == Array(1...20))
    }
}
