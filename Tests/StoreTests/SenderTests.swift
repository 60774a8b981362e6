import Testing

@testable import Store

@Suite("who sent an event")
struct SenderTests {
    @Test(
        "each form says whose a comment is, and whether its sender is a moderator",
        arguments: [
            ("app", "app", false), ("u:42", "u:42", false), ("m:42", "u:42", true), ("m:a b", "u:a b", true),
            ("k:AAAAAAAAAAAAAAAAAAAA-_", "k:AAAAAAAAAAAAAAAAAAAA-_", false), ("u:m:1", "u:m:1", false),
        ])
    func forms(_ text: String, _ owner: String, _ isModerator: Bool) throws {
        let sender = try #require(Sender(text))
        #expect(sender.text == text)
        #expect(sender.owner == owner)
        #expect(sender.isModerator == isModerator)
        #expect(sender.isApp == (text == "app"))
    }

    @Test(
        "other texts name nobody",
        arguments: [
            "", "u", "u:", "m:", "U:1", "x:1", "apps", "k:", "k:AAAAAAAAAAAAAAAAAAAAA", "k:AAAAAAAAAAAAAAAAAAAAA+",
            "u:a\nb", "u:\u{7F}", "u:\u{85}", "u:" + String(repeating: "é", count: 65),
        ])
    func nobody(_ text: String) {
        #expect(Sender(text) == nil)
    }

    @Test("a verified subject, and the holder of an edit key, are senders")
    func made() throws {
        #expect(Sender(subject: "42", isModerator: true)?.text == "m:42")
        #expect(Sender(subject: "", isModerator: false) == nil)
        #expect(Sender(subject: String(repeating: "x", count: 128), isModerator: false) != nil)
        #expect(Sender(fingerprint: "AAAAAAAAAAAAAAAAAAAAAA")?.owner == "k:AAAAAAAAAAAAAAAAAAAAAA")
    }

    @Test("in a record a sender is one word that may stand in JSON; the app is none")
    func escaped() throws {
        #expect(
            String(decoding: try #require(Sender(#"u:a "b" <\"#)).escaped, as: UTF8.self)
                == #"u:a\u0020\"b\"\u0020\u003c\\"#)
        #expect(Sender.app.escaped.isEmpty)
    }
}
