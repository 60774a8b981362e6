import JSON
import Testing

@testable import Store

@Suite("the version of an event")
struct EventVersionTests {
    private func split(_ text: String) -> (version: String, isCreation: Bool, event: String)? {
        EventVersion.split(Array(text.utf8)).map { version, event in
            (
                String(decoding: version.text, as: UTF8.self), version.isCreation,
                String(decoding: event, as: UTF8.self)
            )
        }
    }

    @Test("an event gets its version in front, and back as it was", arguments: [#"{"a":1}"#, "{}", #"{"_v":1}"#])
    func stamped(_ event: String) throws {
        let version = EventVersion(token: "1795471274686744", serial: 12, index: 3)
        let stamped = String(decoding: version.stamp(Array(event.utf8)), as: UTF8.self)
        #expect(stamped.hasPrefix(#"{"_v":"1795471274686744-12-3""#))
        let (text, isCreation, rest) = try #require(split(stamped))
        #expect(text == "1795471274686744-12-3")
        #expect(!isCreation)
        #expect(rest == event)
    }

    @Test("what is no object is not stamped")
    func other() {
        #expect(EventVersion(token: "1", serial: 1, index: 1).stamp(Array("[1]".utf8)) == Array("[1]".utf8))
    }

    @Test("an event that took the place of a held comment says so")
    func creation() throws {
        let (text, isCreation, event) = try #require(split(#"{"_v":"7-1-0 created","type":"comment.edited"}"#))
        #expect(text == "7-1-0")
        #expect(isCreation)
        #expect(event == #"{"type":"comment.edited"}"#)
    }

    @Test("versions behind ours are not ours and go")
    func behind() throws {
        #expect(try #require(split(#"{"_v":"7-1-0","_v":"9-9-9","_v":"9-9-8","a":1}"#)).event == #"{"a":1}"#)
        #expect(try #require(split(#"{"_v":"7-1-0","_v":"9-9-9"}"#)).event == "{}")
    }

    @Test(
        "what is no version stays in the event",
        arguments: [
            #"{"_v":"7-1"}"#, #"{"_v":"7-1-x"}"#, #"{"_v":"7-1-0"#, #"{"_v":7}"#, #"{"a":1,"_v":"7-1-0"}"#,
            #"{ "_v":"7-1-0"}"#, #"{"_v":"-1-0"}"#, #"{"_v":"7-1-0-2"}"#, "", "{", #"{"_v":""#,
        ])
    func foreign(_ text: String) {
        #expect(split(text) == nil)
    }

    @Test(
        "a change names its comment by conversation and id",
        arguments: [
            (#"{"thread":"42","id":"c"}"#, "created 42\0c"),
            (#"{"thread":42,"id":7,"type":"comment.edited"}"#, "edited 42\07"),
            (#"{"thread":"42","id":"c","type":"comment.deleted"}"#, "deleted 42\0c"),
            (#"{"thread":"42","id":"c","type":"vote"}"#, ""), (#"{"thread":"42"}"#, ""), (#"{"id":"c"}"#, ""),
        ])
    func change(_ event: String, _ expected: String) throws {
        let change = CommentChange(of: try JSONParser(maxBytes: 1000).parseObject(Array(event.utf8)))
        #expect(change.map { "\($0.kind) " + String(decoding: $0.post, as: UTF8.self) } ?? "" == expected)
    }
}
