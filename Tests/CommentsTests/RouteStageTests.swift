import JSON
import Pipeline
import Testing

@testable import Comments

@Suite("route")
struct ChannelRouterTests {
    private func channels(_ fields: JSONObject, _ templates: [String]? = nil) throws -> [String] {
        let options = templates.map { RouteOptions(channels: $0) } ?? RouteOptions()
        return try ChannelRouter(options: options).channels(of: fields)
    }

    @Test("the default channels are those of thread, forum, author, mentioned and post")
    func defaults() throws {
        let fields: JSONObject = [
            "thread": "42", "forum": "music", "author": ["id": 7], "mentions": ["ann", "bob"], "id": "c1",
        ]
        #expect(try channels(fields) == ["thread:42", "forum:music", "user:7", "user:ann", "user:bob", "post:c1"])
        #expect(try channels(["thread": "42"]) == ["thread:42"])
        #expect(try channels([:]) == [])
    }

    @Test(
        "a template finds its members",
        arguments: [
            ("all", ["all"]), ("{a}", ["1"]), ("{o.x.y}", ["deep"]), ("x{o.n}y", []), ("{list}", ["1", "two"]),
            ("{people.id}", ["p1", "p2"]), ("{a}:{list}:z", ["1:1:z", "1:two:z"]),
            ("{list}{list}", ["11", "1two", "two1", "twotwo"]),
            ("{none}", []), ("{half}", []), ("{empty}", []), ("{bad}", []), ("{a}{none}", []),
            ("{big}", ["18446744073709551615"]),
        ] as [(String, [String])])
    func templates(template: String, expected: [String]) throws {
        let fields: JSONObject = [
            "a": 1, "o": ["x": ["y": "deep"], "n": nil], "list": [1, "two", nil, ["o": 1], 1.5], "half": 0.5,
            "empty": "",
            "people": [["id": "p1"], ["name": "x"], ["id": "p2"]], "bad": "a\n{b}", "big": .uint(.max),
        ]
        #expect(try channels(fields, [template]) == expected)
    }

    @Test("each channel is there once, 32 at most")
    func limits() throws {
        let many = JSON.array((0..<1000).map { .int($0 / 2) })
        #expect(try channels(["a": many, "b": 1], ["x:{a}"]).count == 16)
        #expect(try channels(["a": .array((0..<1000).map { .int($0) })], ["x:{a}", "y:{a}"]).count == 32)
        #expect(try channels(["a": many], ["{a}{a}{a}{a}"]).count <= 32)
        #expect(try channels(["a": 1, "b": 1], ["x:{a}", "x:{b}"]) == ["x:1"])
    }

    @Test("two spellings of one name are two channels")
    func spellings() throws {
        let names = try channels(["mentions": ["caf\u{E9}", "cafe\u{301}", "caf\u{E9}"]])
        #expect(names.map { $0.utf8.count } == [10, 11])
    }

    @Test("a name beyond 256 bytes is no channel")
    func length() throws {
        #expect(try channels(["a": .string(String(repeating: "x", count: 250))], ["thread:{a}"]) == [])
        #expect(try channels(["a": .string(String(repeating: "x", count: 249))], ["thread:{a}"]).count == 1)
    }

    @Test(
        "a template that is not well formed is named when the stage is built",
        arguments: ["", "{", "}", "a{b", "a}b", "{}", "{a..b}", "{.a}", "{a.}", "{a{b}}", "x\n{a}", "{a}}"])
    func unusable(template: String) {
        #expect {
            try RouteStage(RouteOptions(channels: ["ok:{id}", template]))
        } throws: { error in
            (error as? CommentsError)?.message.contains("\"\(template)\"") == true
        }
    }
}

@Suite("Channel names")
struct ChannelNameTests {
    @Test(
        "a name has 1 to 256 bytes, no control characters, no braces",
        arguments: [
            ("thread:42", true), ("", false), (String(repeating: "x", count: 256), true),
            (String(repeating: "x", count: 257), false), (String(repeating: "é", count: 129), false), ("a\nb", false),
            ("a\u{0}", false), ("a\u{7F}", false), ("a\u{85}", false), ("a\u{A0}b", true), ("{a}", false),
            ("a}", false),
            ("a b", true), ("日本", true),
        ])
    func names(name: String, isValid: Bool) {
        #expect(ChannelName.isValid(name) == isValid)
    }
}
