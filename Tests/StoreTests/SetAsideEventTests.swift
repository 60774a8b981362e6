import JSON
import Redis
import TestSupport
import Testing

@testable import Store

@Suite("events that were set aside")
struct SetAsideEventTests {
    private func encoded(_ event: [UInt8], reason: String = "it would not") throws -> ParsedJSON {
        let bytes = Self.sample(event, reason: reason).encoded(with: parser)
        return try ParsedJSON(parsing: String(decoding: bytes, as: UTF8.self))
    }

    private let parser = JSONParser(maxBytes: 1 << 20)

    private static func sample(_ event: [UInt8], reason: String = "it would not") -> SetAsideEvent {
        SetAsideEvent(
            id: "7-1-0", stage: "format", reason: reason, attempts: 5, time: 1_700_000_000_123, event: event)
    }

    @Test("one tells what, why, where, how often and when")
    func members() throws {
        #expect(
            try encoded(Array(#"{"thread":"1","text":"a\"b"}"#.utf8)) == [
                "id": "7-1-0", "stage": "format", "error": "it would not", "attempts": 5, "time": 1_700_000_000_123,
                "event": ["thread": "1", "text": "a\"b"],
            ])
    }

    @Test("what is no JSON object is kept as text", arguments: ["no JSON", "[1]", "", "{\"a\":", "null"])
    func text(_ raw: String) throws {
        let letter = try encoded(Array(raw.utf8))
        #expect(letter["event"] == .string(raw))
        #expect(letter["hex"] == nil)
    }

    @Test("what is not even text is kept byte by byte as well")
    func bytes() throws {
        let letter = try encoded([0xff, 0x00, 0x61])
        #expect(letter["hex"] == "ff0061")
        #expect(letter["event"]?.string?.hasSuffix("a") == true)
    }

    @Test(
        "what was encoded is read back as it was",
        arguments: [Array(#"{"thread":"1","text":"a\"b"}"#.utf8), Array("no JSON".utf8), [0xff, 0x00, 0x61], []])
    func roundTrip(_ event: [UInt8]) throws {
        let letter = Self.sample(event)
        #expect(SetAsideEvent(try parser.parseObject(letter.encoded(with: parser))) == letter)
    }

    @Test("what people have edited by hand is read as far as it goes")
    func damaged() throws {
        let read = SetAsideEvent(try parser.parseObject(Array(#"{"id":7,"time":1.7e3,"event":[1,2]}"#.utf8)))
        #expect(
            read == SetAsideEvent(id: "", stage: "", reason: "", attempts: 0, time: 1700, event: Array("[1,2]".utf8)))
    }

    @Test("the library sets aside what a feed does not take in the same form")
    func writtenByTheLibrary() throws {
        let library = try TidingsLibrary()
        try library.redis.ask("SET", "feed.items:{c}", "foreign")
        try library.enqueue([#"{"n":1}"#])
        let token = try library.token(of: "w")
        let before = try #require(library.redis.ask("TIME").array?.first?.integer)
        let layout = PipelineLayout(name: "t", partitions: 1, stages: ["a", "b"])
        let lane = LaneID(stage: "a", partition: 0)
        var commit = Commit(lane: lane, token: token, serial: 1, taking: [Array(#"{"n":1}"#.utf8)], lease: 60_000)
        var publication = Commit.Publication(history: .all(10, lifetime: 1000), deadLetters: 10)
        publication.events = [Array(#"{"n":1}"#.utf8)]
        publication.channels = [("c", [0])]
        commit.operations = [.publish(publication)]
        #expect(try library.call(.commit(commit, of: layout)) == .done(forgotten: 0))
        let raw = try #require(try library.list(TidingsLibrary.dead).first)
        let letter = SetAsideEvent(try parser.parseObject(Array(raw.utf8)))
        #expect(letter.id == "\(token)-1-c-1" && letter.stage == "publish" && letter.attempts == 1)
        #expect(letter.reason.hasPrefix("feed {c}: ") && letter.reason.hasSuffix("delete the foreign key and retry"))
        #expect(letter.time >= before * 1000)
        #expect(String(decoding: letter.event, as: UTF8.self) == #"{"channels":["c"],"n":1}"#)
        #expect(
            try library.call(
                .moveSetAside(.dead, from: lane, to: lane, of: layout, [(Array(raw.utf8), letter.event)])) == 1)
        #expect(try library.list(TidingsLibrary.queue) == [#"{"channels":["c"],"n":1}"#])
    }

    @Test("a decision names the lane that the event goes to")
    func decisions() {
        let layout = PipelineLayout(name: "t", partitions: 1, stages: ["a", "b"])
        let lane = LaneID(stage: "a", partition: 0)
        let next = LaneID(stage: "b", partition: 0)
        #expect(SetAsideDecision.retry.goal(of: lane.stage, in: layout) == lane.stage)
        #expect(SetAsideDecision.approve.goal(of: lane.stage, in: layout) == next.stage)
        #expect(SetAsideDecision.approve.goal(of: next.stage, in: layout) == nil)
        #expect(SetAsideDecision.drop.goal(of: lane.stage, in: layout) == nil)
        for decision in [SetAsideDecision.retry, .approve] { #expect(decision.goal(of: "gone", in: layout) == nil) }
    }
}
