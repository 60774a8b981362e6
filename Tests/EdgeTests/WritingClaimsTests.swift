import JSON
import Store
import Testing

@testable import Edge

/// What a token's claims let its holder write.
@Suite("Claims of writers")
struct WritingClaimsTests {
    private static func claims(_ text: String) throws -> WritingClaims {
        WritingClaims(try JSONParser(maxBytes: 65_536).parseObject(Array(text.utf8)), limit: 3)
    }

    private static func person(_ text: String) throws -> PersonClaims {
        guard case .person(let person) = try claims(text) else { throw PostRefusal.sender }
        return person
    }

    @Test(
        "a subject is an author: 1 to 128 bytes that may stand in a channel's name",
        arguments: [
            ("42", true), ("Änne 7", true), ("a:b", true), (String(repeating: "x", count: 128), true), ("app", true),
            ("", false), (String(repeating: "x", count: 129), false), (" 42", false), ("42 ", false), ("a\tb", false),
            ("a{b}", false), ("a\u{85}b", false), ("a\u{7F}", false), ("\u{0}", false), ("a\u{A0}", false),
        ])
    func subjects(subject: String, isTaken: Bool) throws {
        let text = JSON.object(JSONObject(members: [("sub", .string(subject))])).text
        #expect((try? Self.person(text).subject) == (isTaken ? subject : nil))
    }

    @Test(
        "a token without an author cannot write, and says so",
        arguments: ["{}", #"{"sub":42}"#, #"{"sub":null}"#, #"{"sub":["a"]}"#, #"{"sub":{"id":"a"}}"#])
    func nobody(text: String) throws {
        #expect(try Self.claims(text) == .unable(.subject))
    }

    @Test(
        "a scope that cannot be read gives no right at all",
        arguments: [
            #""write":"thread:1""#, #""write":true"#, #""write":null"#, #""write":["*"]"#, #""write":["thread:1",7]"#,
            #""write":["thread"]"#, #""write":["thread:1","thread:2","thread:3","thread:4"]"#, #""moderator":1"#,
            #""moderator":"true""#, #""moderator":null"#, #""moderator":["*"]"#, #""moderator":[true]"#,
        ])
    func scopes(member: String) throws {
        #expect(try Self.claims(#"{"sub":"7",\#(member)}"#) == .unable(.scope))
    }

    @Test("a name that cannot be shown is none, and the author stays")
    func names() throws {
        #expect(try Self.person(#"{"sub":"7","name":"Ann"}"#).name == "Ann")
        for name in [#""""#, "7", "null", #""a\u0007""#, #""a\u0085""#, "\"\(String(repeating: "x", count: 257))\""] {
            #expect(try Self.person(#"{"sub":"7","name":\#(name)}"#).name == nil, "\(name)")
        }
    }

    @Test(
        "every channel of a comment has to be among those that the token names",
        arguments: [
            ("", ["thread:1"], true), ("", ["thread:1", "forum:a"], true), (#","write":[]"#, ["thread:1"], false),
            (#","write":["thread:1"]"#, ["thread:1"], true), (#","write":["thread:1"]"#, ["thread:10"], false),
            (#","write":["thread:1*"]"#, ["thread:10"], true),
            (#","write":["thread:1"]"#, ["thread:1", "forum:a"], false),
            (#","write":["forum:a"]"#, ["thread:1", "forum:a"], false),
            (#","write":["thread:*","forum:a"]"#, ["thread:1", "forum:a"], true),
            (#","write":["thread:*","forum:a"]"#, ["thread:1", "forum:b"], false),
            (#","write":["thread:*","forum:a"]"#, ["thread:1"], true), (#","write":["user:*"]"#, ["thread:1"], false),
        ] as [(String, [String], Bool)])
    func channels(member: String, channels: [String], isTaken: Bool) throws {
        let person = try Self.person(#"{"sub":"7"\#(member)}"#)
        #expect((try? person.sender(into: channels)) == (isTaken ? Sender("u:7") : nil))
    }

    @Test(
        "a moderator is one where every channel is named, and a moderator's token does not widen where it writes",
        arguments: [
            (#""moderator":true"#, ["thread:1", "forum:a"], "m:7"), (#""moderator":false"#, ["thread:1"], "u:7"),
            (#""moderator":[]"#, ["thread:1"], "u:7"), (#""moderator":["thread:1"]"#, ["thread:1"], "m:7"),
            (#""moderator":["thread:1"]"#, ["thread:2"], "u:7"),
            (#""moderator":["thread:1"]"#, ["thread:1", "forum:a"], "u:7"),
            (#""moderator":["forum:a"]"#, ["thread:1", "forum:a"], "u:7"),
            (#""moderator":["thread:*","forum:a"]"#, ["thread:1", "forum:a"], "m:7"),
            (#""moderator":["thread:*","forum:a"]"#, ["thread:1", "forum:b"], "u:7"),
            (#""moderator":true,"write":["thread:1"]"#, ["thread:2"], nil),
        ] as [(String, [String], String?)])
    func moderators(member: String, channels: [String], expected: String?) throws {
        let person = try Self.person(#"{"sub":"7",\#(member)}"#)
        #expect((try? person.sender(into: channels))?.text == expected)
    }

    @Test(
        "who may post when the configuration says so, and when it says nothing",
        arguments: [
            (nil, false, false, true, "open"), (nil, false, false, false, nil), (nil, true, false, false, "token"),
            (nil, true, false, true, "token"), (nil, false, true, false, "key"), (nil, false, true, true, "key"),
            (nil, true, true, false, "token"), (.open, false, false, false, "open"), (.open, true, true, false, "open"),
            (.token, true, false, false, "token"), (.token, false, true, false, nil), (.token, false, false, true, nil),
            (.key, false, true, false, "key"), (.key, true, true, false, "key"), (.key, true, false, true, nil),
            (.key, false, false, false, nil),
        ] as [(WritePolicy?, Bool, Bool, Bool, String?)])
    func policies(said: WritePolicy?, tokens: Bool, keys: Bool, isLocal: Bool, expected: String?) {
        do throws(EdgeError) {
            let policy = try WritePolicy.resolve(said, hasTokenKeys: tokens, hasAPIKeys: keys, isLocal: isLocal)
            #expect(policy.rawValue == expected)
        } catch {
            #expect(expected == nil && error.code == .write && error.message.contains("edge.write"), "\(error)")
        }
    }
}
