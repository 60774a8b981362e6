import Testing

@testable import Edge

@Suite("What an event is about")
struct EventSubjectTests {
    private static func subject(_ text: String) -> EventSubject? { EventSubject(Array(text.utf8)) }

    private static func text(_ slice: ArraySlice<UInt8>) -> String { String(decoding: slice, as: UTF8.self) }

    @Test(
        "the comment is found in the members of the event itself, of which the first counts",
        arguments: [
            (#"{"thread":"t","id":"c","type":"comment.created"}"#, "t", "c"),
            (#"{"type":"comment.edited","html":"x","id":"c","thread":"t"}"#, "t", "c"),
            (#"{"type":"comment.deleted","id":"c","thread":"t"}"#, "t", "c"),
            (#"{"thread":"t","id":"c"}"#, "t", "c"),
            (#"{"thread":"t","id":"c","type":7}"#, "t", "c"),
            (#"{"thread":42,"id":18446744073709551615}"#, "42", "18446744073709551615"),
            (#"{"thread":-1,"id":0}"#, "-1", "0"),
            (#" { "thread" : "t" , "id" : 7 } "#, "t", "7"),
            (#"{"author":{"id":8,"thread":"x"},"list":[{"id":"y"},"id"],"thread":"t","id":"c"}"#, "t", "c"),
            (#"{"html":"\",\"id\":\"x\\","thread":"t","id":"c"}"#, "t", "c"),
            (#"{"a":"thread","b":"id","thread":"t","id":"a\"b\\"}"#, "t", #"a\"b\\"#),
            (#"{"id":"c","id":"other","thread":"t","thread":"u"}"#, "t", "c"),
        ])
    func comments(_ event: String, _ thread: String, _ id: String) throws {
        let subject = try #require(Self.subject(event))
        #expect(subject.kind == .comment && Self.text(subject.thread) == thread && Self.text(subject.id) == id)
        #expect(subject.commentDigest != nil)
    }

    @Test(
        "an event is about nothing without names, with another type, or when it is no object",
        arguments: [
            "", "1", "\"thread\"", "[]", "{}", "null", "{", #"{"thread":"t","id":"c""#, #"{"thread":"t","id":"c"#,
            #"[{"thread":"t","id":"c"}]"#, #"{"thread":"t"}"#, #"{"id":"c"}"#, #"{"thread":"t","id":null}"#,
            #"{"thread":"t","id":true}"#, #"{"thread":"t","id":1.5}"#, #"{"thread":"t","id":1e3}"#,
            #"{"thread":{"id":"t"},"id":"c"}"#, #"{"thread":["t"],"id":"c"}"#, #"{"id":{},"id":"c","thread":"t"}"#,
            #"{"thread":"t","id":"c","type":"user.banned"}"#, #"{"thread":"t","id":"c","type":""}"#, "}}}{{{",
            #"{"thread":"t\"#,
        ])
    func nothing(_ event: String) {
        #expect(Self.subject(event) == nil)
    }

    @Test("a conversation is closed and opened, which is about no comment")
    func conversations() throws {
        let closed = try #require(Self.subject(#"{"type":"thread.closed","thread":"t","id":"c"}"#))
        #expect(closed.kind == .closing && Self.text(closed.thread) == "t" && closed.commentDigest == nil)
        let opened = try #require(Self.subject(#"{"thread":42,"type":"thread.opened"}"#))
        #expect(opened.kind == .opening && Self.text(opened.thread) == "42" && opened.commentDigest == nil)
    }

    @Test("two events are about the same comment when thread and id are the same, as a string or as a number")
    func same() {
        func isSame(_ left: String, _ right: String) -> Bool {
            EventSubject.isSameComment(Array(left.utf8), Array(right.utf8))
        }
        #expect(isSame(#"{"thread":"1","id":"2","html":"a"}"#, #"{"type":"comment.deleted","id":2,"thread":1}"#))
        #expect(!isSame(#"{"thread":"1","id":"2"}"#, #"{"thread":"2","id":"1"}"#))
        #expect(!isSame(#"{"thread":"12","id":"3"}"#, #"{"thread":"1","id":"23"}"#))
        #expect(!isSame(#"{"thread":"1","id":"2"}"#, #"{"thread":"1","id":"2","type":"thread.closed"}"#))
        #expect(!isSame("1", "1"))
        let split = [#"{"thread":"12","id":"3"}"#, #"{"thread":"1","id":"23"}"#].compactMap {
            Self.subject($0)?.commentDigest
        }
        #expect(split.count == 2 && split[0] != split[1])
    }
}
