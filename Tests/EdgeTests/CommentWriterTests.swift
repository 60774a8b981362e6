import JSON
import Store
import Testing

@testable import Edge

/// What becomes of a posted event by whoever posts it.
@Suite("Writers of comments")
struct CommentWriterTests {
    private static func person(
        write: [String]? = nil, moderates: [String]? = [], name: String? = nil
    ) -> CommentWriter {
        var person = PersonClaims(subject: "42")
        person.name = name
        person.write = write.map { $0.compactMap { ChannelPattern($0) } }
        person.moderates = moderates.map { $0.compactMap { ChannelPattern($0) } }
        return CommentWriter(.person(person))
    }

    private static let app = CommentWriter(.app(apiKey: 0))
    private static let fingerprint = "abcdefghijklmnopqrstuv"
    private static let anonymous = CommentWriter(.anonymous(EditKey.make(), fingerprint: fingerprint))

    private static func attribute(_ text: String, by writer: CommentWriter) throws -> (text: String, sender: String) {
        let fields = try JSONParser(maxBytes: 65_536).parseObject(Array(text.utf8))
        let (result, sender) = try writer.attribute(fields)
        return (JSON.object(result).text, sender.text)
    }

    private static func refusal(_ text: String, by writer: CommentWriter) -> PostRefusal? {
        do {
            _ = try attribute(text, by: writer)
            return nil
        } catch {
            return error as? PostRefusal
        }
    }

    @Test("the author is the token's, whatever the body says; of the body a name and two addresses stay")
    func author() throws {
        let forged =
            #"{"thread":"1","text":"x","author":{"id":"1","id":"2","name":"Bob","role":"admin","email":"a@b"}}"#
        let result = try Self.attribute(forged, by: Self.person(name: "Ann"))
        #expect(
            result.text == #"{"thread":"1","text":"x","author":{"id":"42","name":"Ann"}}"# && result.sender == "u:42")
        #expect(
            try Self.attribute(forged, by: Self.person()).text
                == #"{"thread":"1","text":"x","author":{"id":"42","name":"Bob"}}"#)
        #expect(
            try Self.attribute(#"{"thread":"1","text":"x"}"#, by: Self.person()).text
                == #"{"thread":"1","text":"x","author":{"id":"42"}}"#)
        let addresses =
            #"{"thread":"1","author":{"url":"https://a.example/?b=c","avatar":"HTTP://a.example/a.png","x":1}}"#
        #expect(
            try Self.attribute(addresses, by: Self.person()).text
                == #"{"thread":"1","author":{"id":"42","url":"https://a.example/?b=c","avatar":"HTTP://a.example/a.png"}}"#
        )
        #expect(
            try Self.attribute(#"{"thread":"1","author":"Bob"}"#, by: Self.person()).text
                == #"{"thread":"1","author":{"id":"42","name":"Bob"}}"#)
    }

    @Test("a moderator's edit keeps the author that it names, and is the only thing that does")
    func moderatorsEdits() throws {
        let moderator = Self.person(moderates: nil, name: "Mo")
        let author = #""author":{"id":7,"name":"Bob","role":"admin"}"#
        let edit = #"{"thread":"1","type":"comment.edited",\#(author)}"#
        let kept = try Self.attribute(edit, by: moderator)
        #expect(kept.text == #"{"thread":"1","type":"comment.edited","author":{"id":"7","name":"Bob"}}"#)
        #expect(kept.sender == "m:42")
        let own = #""author":{"id":"42","name":"Mo"}}"#
        for text in [
            #"{"thread":"1","type":"comment.edited"}"#, #"{"thread":"1","type":"comment.created",\#(author)}"#,
            #"{"thread":"1",\#(author)}"#, #"{"thread":"1","type":"thread.closed",\#(author)}"#,
        ] {
            #expect(try Self.attribute(text, by: moderator).text.hasSuffix(own), "\(text)")
        }
        // No moderator here.
        let elsewhere = Self.person(moderates: ["thread:2"], name: "Mo")
        #expect(try Self.attribute(edit, by: elsewhere).text.hasSuffix(own))
    }

    @Test("an anonymous writer has a name and no id, and is the fingerprint of the edit key")
    func anonymous() throws {
        let result = try Self.attribute(
            #"{"thread":"1","author":{"id":"1","name":"Bob","role":"admin"}}"#, by: Self.anonymous)
        #expect(result.text == #"{"thread":"1","author":{"name":"Bob"}}"# && result.sender == "k:\(Self.fingerprint)")
        for none in [#""author":{"id":"1"}"#, #""author":null"#, #""author":{}"#, #""author":"""#] {
            #expect(try Self.attribute(#"{"thread":"1",\#(none)}"#, by: Self.anonymous).text == #"{"thread":"1"}"#)
        }
    }

    @Test("the web app's event stays as it is, and nothing vouches for it but its key")
    func app() throws {
        let text =
            #"{"thread":"1","type":"thread.closed","author":{"id":"1","role":"admin"},"received_at":5,"html":"<b>"}"#
        let fields = try JSONParser(maxBytes: 65_536).parseObject(Array(text.utf8))
        let (result, sender) = try Self.app.attribute(fields)
        #expect(result == fields && sender == .app)
    }

    @Test("members that only the pipeline and the web app set are gone from everybody else's")
    func reserved() throws {
        let text =
            #"{"thread":"1","received_at":5,"html":"<b>","channels":["user:1"],"mentions":["a"],"by_moderator":true}"#
        #expect(try Self.attribute(text, by: Self.anonymous).text == #"{"thread":"1"}"#)
        #expect(try Self.attribute(text, by: Self.person()).text == #"{"thread":"1","author":{"id":"42"}}"#)
    }

    @Test(
        "what an author says that is no name and no harmless address is left out",
        arguments: [
            #"7"#, #"["Bob"]"#, #"{"name":7}"#, #"{"url":"javascript:alert(1)"}"#, #"{"url":"data:text/html,x"}"#,
            #"{"url":"//a.example"}"#, #"{"url":" https://a.example"}"#, #"{"avatar":"https://a.example/ x"}"#,
            #"{"avatar":{}}"#, #"{"avatar":"blob:https://a.example/1"}"#,
            #"{"url":"https://\#(String(repeating: "a", count: 2048))"}"#, #"{"color":"red"}"#,
        ])
    func leftOut(author: String) throws {
        let text = #"{"thread":"1","author":\#(author)}"#
        #expect(try Self.attribute(text, by: Self.anonymous).text == #"{"thread":"1"}"#)
        #expect(try Self.attribute(text, by: Self.person()).text == #"{"thread":"1","author":{"id":"42"}}"#)
    }

    @Test("a name of more than 256 bytes is refused, whoever has it")
    func longNames() throws {
        for author in [#""NAME""#, #"{"name":"NAME"}"#] {
            func text(_ count: Int) -> String {
                #"{"thread":"1","author":\#(author.replacing("NAME", with: String(repeating: "x", count: count)))}"#
            }
            for writer in [Self.person(), Self.anonymous] {
                #expect(Self.refusal(text(256), by: writer) == nil)
                guard case .author(let problem)? = Self.refusal(text(257), by: writer) else {
                    Issue.record("257 bytes were taken")
                    continue
                }
                #expect(problem.contains("`author.name` has 257 bytes"))
            }
        }
    }

    @Test(
        "other types are for the web app and moderators",
        arguments: [
            (#""comment.created""#, true), (#""comment.edited""#, true), (#""comment.deleted""#, true), ("null", true),
            (#""thread.closed""#, false), (#""thread.opened""#, false), (#""typing""#, false), (#""""#, false),
            (#""Comment.created""#, false), ("7", false), (#"["comment.created"]"#, false),
        ])
    func types(type: String, isOpen: Bool) {
        let text = #"{"thread":"1","type":\#(type)}"#
        for writer in [Self.person(), Self.anonymous, Self.person(moderates: ["thread:2"])] {
            #expect(Self.refusal(text, by: writer) == (isOpen ? nil : .type))
        }
        for writer in [Self.app, Self.person(moderates: nil), Self.person(moderates: ["thread:1"])] {
            #expect(Self.refusal(text, by: writer) == nil)
        }
    }

    @Test("a member that stands twice is refused: readers would not agree which one counts")
    func duplicates() {
        for text in [
            #"{"thread":"1","thread":"2"}"#, #"{"thread":"1","id":"a","text":"x","\u0069d":"b"}"#,
            #"{"thread":"1","type":"comment.created","type":"thread.closed"}"#,
        ] {
            for writer in [Self.person(), Self.anonymous, Self.app] {
                guard case .duplicate? = Self.refusal(text, by: writer) else {
                    Issue.record("\(text) was taken")
                    continue
                }
            }
        }
    }

    @Test("a thread and a forum may be numbers, and count as what they become")
    func numbers() {
        let writer = Self.person(write: ["thread:42", "forum:7"])
        #expect(Self.refusal(#"{"thread":42,"forum":7}"#, by: writer) == nil)
        #expect(Self.refusal(#"{"thread":"42"}"#, by: writer) == nil)
        #expect(Self.refusal(#"{"thread":43}"#, by: writer) == .scope("thread:43"))
        #expect(Self.refusal(#"{"thread":42,"forum":8}"#, by: writer) == .scope("forum:8"))
        // Without a conversation there is nothing that the token could name.
        for thread in [#"{}"#, #"{"thread":null}"#, #"{"thread":[42]}"#, #"{"thread":42.0}"#] {
            #expect(Self.refusal(thread, by: writer) == .scope("thread:"))
        }
    }

    @Test(
        "an edit key has 22 to 64 characters of base64url",
        arguments: [
            (22, "a", true), (64, "-", true), (43, "_", true), (21, "a", false), (65, "a", false), (22, "=", false),
            (22, "+", false), (22, " ", false), (11, "é", false), (0, "a", false),
        ])
    func editKeys(count: Int, character: String, isKey: Bool) throws {
        let text = String(repeating: character, count: count)
        #expect((EditKey(parsing: text) != nil) == isKey)
        if let key = EditKey(parsing: text) {
            let fingerprint = try key.fingerprint()
            #expect(!key.isNew && Sender(fingerprint: fingerprint) != nil && !"\(key)".contains(text))
            #expect(try EditKey(parsing: text)?.fingerprint() == fingerprint)
        }
    }

    @Test("keys that the edge makes are keys, and no two are the same")
    func newKeys() throws {
        let keys = (0..<1000).map { _ in EditKey.make() }
        #expect(Set(keys.map(\.text)).count == 1000)
        #expect(Set(try keys.map { try $0.fingerprint() }).count == 1000)
        #expect(keys.allSatisfy { $0.isNew && $0.text.utf8.count == 22 && EditKey(parsing: $0.text) != nil })
        // printf %s aaaaaaaaaaaaaaaaaaaaaa | openssl sha256 -binary | head -c 16 | basenc --base64url
        #expect(try EditKey(parsing: String(repeating: "a", count: 22))?.fingerprint() == "7HxJTfbSp-o2Zo1lbmuJeQ")
    }
}
