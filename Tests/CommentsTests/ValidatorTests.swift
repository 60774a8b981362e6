import JSON
import Pipeline
import Store
import TestSupport
import Testing

@testable import Comments

@Suite("validate")
struct ValidatorTests {
    private func decide(_ text: String, _ options: ValidateOptions = ValidateOptions()) throws -> Decision {
        var random = SplitMix64(seed: 1)
        return Decision(try Validator(options: options).decide(try event(text), now: 1_700_000_000_000, using: &random))
    }

    @Test("what is missing is given, what is there stays, in its place")
    func completes() throws {
        let fields = try #require(try decide(#"{"thread":"42","x":[1],"text":"hi"}"#).forwarded)
        #expect(fields.keys == ["thread", "x", "text", "id", "type", "received_at"])
        #expect(fields["type"] == "comment.created")
        #expect(fields["received_at"] == 1_700_000_000_000)
        #expect(fields["x"] == [1])
        let whole = #"{"type":"vote","id":"v1","thread":"42","received_at":5,"forum":3,"author":{"id":7}}"#
        #expect(try decide(whole).forwarded?.text == whole)
    }

    @Test(
        "the closing of a conversation keeps only the members that name things, and carries no text past moderation",
        arguments: ["thread.closed", "thread.opened"])
    func conversations(_ type: String) throws {
        let text =
            #"{"type":"\#(type)","thread":42,"forum":3,"text":"MARK","html":"MARK","author":{"id":"1","name":"MARK"},"#
            + #""title":"MARK","event_id":"e1","parent":"p","channels":["x"]}"#
        let fields = try #require(try decide(text).forwarded)
        #expect(fields.keys == ["id", "type", "thread", "forum", "event_id", "received_at"])
        #expect(fields["thread"] == "42" && fields["forum"] == 3 && fields["event_id"] == "e1")
        #expect(try decide(#"{"type":"\#(type)","thread":"42","event_id":["MARK"]}"#).forwarded?["event_id"] == nil)
        #expect(try decide(#"{"type":"\#(type)"}"#).rejection?.contains("`thread` is missing") == true)
    }

    @Test("a conversation may be closed again with the same bytes: only an event_id tells a repeat")
    func closedAgain() throws {
        let plain = try event(#"{"type":"thread.closed","thread":"42","id":"7"}"#)
        #expect(try DuplicateKey.make(for: plain) == nil)
        let named = try event(#"{"type":"thread.closed","thread":"42","event_id":"7"}"#)
        #expect(try DuplicateKey.make(for: named) == Array("e:42\u{0}7".utf8))
        #expect(try DuplicateKey.make(for: event(#"{"type":"vote","thread":"42"}"#)) != nil)
    }

    @Test("a member that is null counts as missing")
    func nulls() throws {
        let fields = try decide(#"{"thread":1,"text":"x","id":null,"type":null,"forum":null,"author":null}"#).forwarded
        #expect(fields?["type"] == "comment.created")
        #expect(fields?["id"]?.string?.utf8.count == 36)
        #expect(try decide(#"{"thread":null,"text":"x"}"#).rejection != nil)
    }

    @Test("thread and id become strings, forum and author stay numbers")
    func numbers() throws {
        let fields = try decide(
            #"{"thread":42,"id":18446744073709551615,"forum":7,"author":{"id":-1},"text":"x"}"#
        ).forwarded
        #expect(fields?["thread"] == "42")
        #expect(fields?["id"] == "18446744073709551615")
        #expect(fields?["forum"] == 7)
        #expect(fields?["author"]?["id"] == -1)
    }

    @Test(
        "what is not valid is refused with a sentence about what is wrong",
        arguments: [
            (#"{"text":"x"}"#, "`thread` is missing"), (#"{"thread":"","text":"x"}"#, "`thread` is empty"),
            (#"{"thread":true,"text":"x"}"#, "`thread` is neither a string nor a whole number"),
            (#"{"thread":1.5,"text":"x"}"#, "`thread` is neither"),
            (#"{"thread":[1],"text":"x"}"#, "`thread` is neither"),
            (#"{"thread":"a\nb","text":"x"}"#, "`thread` has a control character"),
            (#"{"thread":"a{b","text":"x"}"#, "`thread` has a brace"),
            (#"{"thread":"a}","text":"x"}"#, "`thread` has a brace"),
            (#"{"thread":" a","text":"x"}"#, "`thread` begins or ends with white space"),
            (#"{"thread":"a\u00a0","text":"x"}"#, "`thread` begins or ends with white space"),
            (#"{"thread":"a","forum":"{","text":"x"}"#, "`forum` has a brace"),
            (#"{"thread":"a","id":"","text":"x"}"#, "`id` is empty"),
            (#"{"thread":"a","id":{},"text":"x"}"#, "`id` is neither"),
            (#"{"thread":"a","author":{"id":"\u0000"},"text":"x"}"#, "`author.id` has a control character"),
            (#"{"thread":"a","text":7}"#, "`text` is no string"),
            (#"{"thread":"a","type":1,"text":"x"}"#, "`type` is no string"),
            (#"{"thread":"a"}"#, "`text` is missing"),
            (#"{"thread":"a","type":"comment.edited"}"#, "`text` is missing"),
            (#"{"thread":"a","text":" \n\t"}"#, "`text` is blank"),
            (#"{"thread":"a","text":"\u200b\u00ad\u3000"}"#, "`text` is blank"),
            (#"{"thread":"a","type":"comment.deleted","text":[]}"#, "`id` is missing"),
            (#"{"thread":"a","type":"comment.deleted","id":null}"#, "`id` is missing"),
            (#"{"id":"c1","type":"comment.deleted"}"#, "`thread` is missing"),
            (#"{"thread":"a","text":"x","_by":"u:1"}"#, "`_by` must be the first member"),
            (#"{"thread":"a","text":"x","id":"1","id":"2"}"#, "`id` is there twice"),
            (#"{"thread":"a","text":"x","thread":"b"}"#, "`thread` is there twice"),
            (#"{"thread":"a","type":"vote","type":"comment.deleted"}"#, "`type` is there twice"),
        ])
    func refused(text: String, reason: String) throws {
        let rejection = try #require(try decide(text).rejection)
        #expect(rejection.contains(reason))
    }

    @Test("other types need no text")
    func otherTypes() throws {
        #expect(try decide(#"{"thread":"a","type":"comment.deleted","id":"c1"}"#).forwarded != nil)
        #expect(try decide(#"{"thread":"a","type":"vote","text":""}"#).forwarded != nil)
    }

    @Test("a deletion keeps only what names things: no text in it is published before somebody has read it")
    func deletion() throws {
        let text = #"""
            {"text":"spam","html":"<b>spam","author":{"name":"spam"},"thread":7,"id":1,"type":"comment.deleted",
            "forum":"music","parent":"c0","event_id":"e1","received_at":5,"reason":"spam","mentions":["x"],"channels":["y"]}
            """#
        #expect(
            try decide(text).forwarded == [
                "id": "1", "type": "comment.deleted", "thread": "7", "forum": "music", "parent": "c0",
                "event_id": "e1", "received_at": 5,
            ])
        let spam = String(repeating: "spam ", count: 50)
        let hidden = #"""
            {"thread":"a","id":"1","type":"comment.deleted","parent":{"text":"spam"},"event_id":"\#(spam)",
            "received_at":"spam"}
            """#
        #expect(
            try decide(hidden).forwarded == [
                "id": "1", "type": "comment.deleted", "thread": "a", "received_at": 1_700_000_000_000,
            ])
    }

    @Test("names have at most 200 bytes")
    func lengths() throws {
        #expect(try decide(#"{"thread":"\#(String(repeating: "é", count: 100))","text":"x"}"#).forwarded != nil)
        #expect(
            try decide(#"{"thread":"\#(String(repeating: "é", count: 100))x","text":"x"}"#).rejection
                == "`thread` has 201 bytes: give 1 to 200")
    }

    @Test("an event up to the limit is taken, a larger one refused")
    func size() throws {
        let text = #"{"thread":"a","text":"x"}"#
        #expect(try decide(text, ValidateOptions(maxBytes: text.utf8.count)).forwarded != nil)
        #expect(
            try decide(text, ValidateOptions(maxBytes: text.utf8.count - 1)).rejection
                == "the event has 25 bytes, at most 24 are taken")
    }

    @Test("a text has 16 KiB at most, whatever its form")
    func textSize() throws {
        func event(_ count: Int, _ character: String = "x") -> String {
            #"{"thread":"a","text":"\#(String(repeating: character, count: count))"}"#
        }
        #expect(try decide(event(16_384)).forwarded != nil)
        #expect(try decide(event(16_385)).rejection == "`text` has 16385 bytes, at most 16384 are taken")
        #expect(try decide(event(8192, "é")).forwarded != nil)
        #expect(try decide(event(5462, "€")).rejection == "`text` has 16386 bytes, at most 16384 are taken")
        #expect(try decide(event(10_000, #"\u0061"#)).forwarded != nil)
        #expect(try decide(event(20_000), ValidateOptions(maxText: 20_000)).forwarded != nil)
    }

    @Test(
        "a posted comment that validate or format would refuse for its size is refused as too large",
        arguments: [
            (String(repeating: "x", count: 16_385), "`text` has 16385 bytes"),
            (String(repeating: "&", count: 8000), "would have 40"),
            (String(repeating: "<>", count: 8000), "would have 64"),
        ])
    func tooLarge(text: String, reason: String) throws {
        var intake = CommentIntake()
        let event = try event(JSONObject(members: [("thread", "a"), ("text", .string(text))]).text)
        guard case .tooLarge(let said) = intake.take(event.raw, fields: event.fields, now: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(said.contains(reason), "\(said)")
        var open = CommentIntake(CommentIntake.Options(validate: ValidateOptions(maxText: 60_000), format: nil))
        guard case .taken = open.take(event.raw, fields: event.fields, now: 1) else {
            Issue.record("a pipeline without format has no such limit")
            return
        }
    }

    @Test("a posted comment may not have the members by which the pipeline knows it", arguments: ["_v", "_job", "_by"])
    func reserved(_ member: String) throws {
        var intake = CommentIntake()
        let event = try event(#"{"thread":"a","text":"x","\#(member)":"9999999999999999-1-1"}"#)
        guard case .refused(let reason) = intake.take(event.raw, fields: event.fields, now: 1) else {
            Issue.record("taken")
            return
        }
        #expect(reason == "`\(member)` is a member of ours; leave it out")
    }

    @Test("an id that is given is a UUID of version 7 that begins with the time")
    func ids() throws {
        var random = SplitMix64(seed: 3)
        let id = UUIDv7.make(at: 0x0123_4567_89AB, using: &random)
        #expect(id.wholeMatch(of: /01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        let later = UUIDv7.make(at: 0x0123_4567_89AC, using: &random)
        #expect(id < later)
        #expect(Set((0..<1000).map { _ in UUIDv7.make(at: 1, using: &random) }).count == 1000)
    }

    private func key(_ text: String, by sender: String = "app") throws -> [UInt8] {
        var random = SplitMix64(seed: 1)
        let given = try event(text)
        let sent = Event(fields: given.fields, raw: given.raw, sender: try #require(Sender(sender)))
        let decision = try Validator(options: ValidateOptions()).decide(sent, now: 1, using: &random)
        guard case .forward(let events) = decision, let key = events.first?.duplicateKey else { return [] }
        return key
    }

    @Test("an event id makes a repeat within its thread, whatever else differs")
    func eventID() throws {
        let first = try key(#"{"thread":"a","text":"x","event_id":"e1"}"#)
        #expect(first == [UInt8]("e:a\0e1".utf8))
        #expect(try key(#"{"thread":"a","text":"y","event_id":"e1"}"#) == first)
        #expect(try key(#"{"thread":"a","text":"y","event_id":7}"#) == [UInt8]("e:a\u{0}7".utf8))
        let long = String(repeating: "x", count: 57)
        let digest = try key(#"{"thread":"a","text":"y","event_id":"\#(long)"}"#)
        #expect(digest.count == 18 && digest.starts(with: "h:".utf8))
        #expect(try key(#"{"thread":"a","text":"y","event_id":"\#(long)z"}"#) != digest)
        #expect(try key(#"{"thread":"b","text":"y","event_id":"\#(long)"}"#) != digest)
        #expect(try key(#"{"thread":"a","text":"y","event_id":"\#(long.dropLast())"}"#).count == 60)
    }

    @Test("without one the id of a new comment does within its thread, as it was given, whatever else differs")
    func commentID() throws {
        let first = try key(#"{"thread":"a","text":"x","id":"c1"}"#)
        #expect(first == [UInt8]("i:a\0c1".utf8))
        #expect(try key(#"{"id":"c1","sent":17,"type":"comment.created","text":"y","thread":"a"}"#) == first)
        #expect(try key(#"{"thread":"a","text":"x","id":7}"#) == key(#"{"thread":"a","text":"x","id":"7"}"#))
        #expect(try key(#"{"thread":"a","text":"x","id":"c1","event_id":"c1"}"#) == [UInt8]("e:a\0c1".utf8))
        let long = String(repeating: "x", count: 57)
        let digest = try key(#"{"thread":"a","text":"x","id":"\#(long)"}"#)
        #expect(digest.count == 18 && digest.starts(with: "j:".utf8))
        #expect(try key(#"{"thread":"a","text":"x","event_id":"\#(long)"}"#).starts(with: "h:".utf8))
        // The id that the stage adds is not part of the key.
        for text in [#"{"thread":"a","text":"x"}"#, #"{"thread":"a","text":"x","id":null}"#] {
            #expect(try key(text).starts(with: "c:".utf8))
        }
        for type in ["comment.edited", "comment.deleted", "comment.liked"] {
            #expect(try key(#"{"thread":"a","text":"x","id":"c1","type":"\#(type)"}"#).starts(with: "c:".utf8))
        }
    }

    @Test("the thread is that of the partition, and no two pairs of thread and id share a key")
    func threadOfKey() throws {
        #expect(
            try key(#"{"thread":42,"text":"x","event_id":"1"}"#) == key(#"{"thread":"42","text":"x","event_id":"1"}"#))
        // Threads cannot hold a NUL; event ids can, and any other byte that a key begins with.
        let threads = ["a", "ab", "e:a", "1", String(repeating: "t", count: 200)]
        let ids = [#"b"#, #"\u0000b"#, #"b\u0000b"#, #"a\u0000b"#, "1", String(repeating: "i", count: 400)]
        let keys = try threads.flatMap { thread in
            try ids.map { try key(#"{"thread":"\#(thread)","text":"x","event_id":"\#($0)"}"#) }
        }
        #expect(Set(keys).count == threads.count * ids.count)
        #expect(keys.allSatisfy { $0.count <= 60 })
        #expect(try decide(#"{"thread":"a\u0000b","text":"x","event_id":"1"}"#).rejection != nil)
    }

    @Test("nobody's id is a repeat of another sender's; a moderator is the same person")
    func senders() throws {
        let long = String(repeating: "x", count: 57)
        for text in [
            #"{"thread":"a","text":"x","event_id":"e1"}"#, #"{"thread":"a","text":"x","event_id":"\#(long)"}"#,
            #"{"thread":"a","text":"x","id":"c1"}"#, #"{"thread":"a","text":"x","id":"\#(long)"}"#,
            #"{"thread":"a","text":"x"}"#,
        ] {
            let keys = try ["app", "u:1", "u:2", "k:AAAAAAAAAAAAAAAAAAAAAA"].map { try key(text, by: $0) }
            #expect(Set(keys).count == 4, "\(text)")
            #expect(try key(text, by: "m:1") == keys[1])
            #expect(keys.allSatisfy { $0.count <= 60 })
        }
        #expect(try key(#"{"thread":"a","text":"x","id":"c1"}"#, by: "u:1") == [UInt8]("I:a\0u:1\0c1".utf8))
        // The web app's ids may have any bytes.
        #expect(
            try key(#"{"thread":"a","text":"x","event_id":"u:1\u0000e1"}"#)
                != key(#"{"thread":"a","text":"x","event_id":"e1"}"#, by: "u:1"))
    }

    @Test("without one the content does, and an edit is no repeat of another edit")
    func content() throws {
        let edit = #"{"type":"comment.edited","id":"c1","thread":"a","text":"x"}"#
        #expect(try key(edit).count == 18)
        #expect(try key(edit) == key(edit))
        #expect(try key(edit) != key(#"{"type":"comment.edited","id":"c1","thread":"a","text":"y"}"#))
        #expect(try key(#"{"thread":"a","text":"x","event_id":""}"#).starts(with: "c:".utf8))
    }
}
