import JSON
import Pipeline
import Testing

@testable import Comments

@Suite("route")
struct ChannelRouterTests {
    private func channels(_ fields: JSONObject, _ templates: [String]? = nil) throws -> [String] {
        let options = templates.map { RouteOptions(channels: $0) } ?? RouteOptions()
        return try route(fields, options).channels
    }

    private func route(_ fields: JSONObject, _ options: RouteOptions, bytes: Int = 400) throws -> ChannelRouter.Route {
        try ChannelRouter(options: options).route(fields, bytes: bytes)
    }

    @Test("the default channels are those of thread, forum, author, mentioned and post")
    func defaults() throws {
        let fields: JSONObject = [
            "thread": "42", "forum": "music", "author": ["id": 7], "mentions": ["ann", "bob"], "id": "c1",
        ]
        #expect(try channels(fields) == ["thread:42", "forum:music", "user:7", "user:ann", "user:bob", "post:c1"])
        #expect(try channels(["thread": "42"]) == ["thread:42"])
        // The id of a closing names no comment.
        #expect(
            try channels(["type": "thread.closed", "id": "c1", "thread": "42", "forum": "music"])
                == ["thread:42", "forum:music"])
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

    @Test("each channel is there once, 32 at most whatever is configured")
    func limits() throws {
        func names(_ fields: JSONObject, _ templates: [String]) throws -> [String] {
            let options = RouteOptions(channels: templates, maxChannels: 32, maxMentions: 32, maxCopied: 1 << 20)
            return try route(fields, options).channels
        }
        let many = JSON.array((0..<1000).map { .int($0 / 2) })
        #expect(try names(["a": many, "b": 1], ["x:{a}"]).count == 16)
        #expect(try names(["a": .array((0..<1000).map { .int($0) })], ["x:{a}", "y:{a}"]).count == 32)
        #expect(try names(["a": many], ["{a}{a}{a}{a}"]).count <= 32)
        #expect(try names(["a": 1, "b": 1], ["x:{a}", "x:{b}"]) == ["x:1"])
    }

    @Test("a list gives five channels, an event has eight, and what a limit leaves out comes from a list")
    func few() throws {
        let names = JSON.array((0..<40).map { .string("n\($0)") })
        let fields: JSONObject = ["thread": "1", "forum": "f", "author": ["id": "n1"], "mentions": names, "id": "c"]
        let all = ["thread:1", "forum:f", "user:n1", "user:n0", "user:n2", "user:n3", "user:n4", "post:c"]
        #expect(try route(fields, RouteOptions()) == ChannelRouter.Route(channels: all, isCut: true))
        let long = ["thread:1", "forum:f", "user:n1", "post:c"]
        #expect(try route(fields, RouteOptions(), bytes: 60_000) == ChannelRouter.Route(channels: long, isCut: true))
        #expect(try route(fields, RouteOptions(), bytes: 3000).channels.count == 5)
        #expect(try route(fields, RouteOptions(maxMentions: 1)).channels.count == 5)
        #expect(try route(fields, RouteOptions(maxChannels: 5)).channels.count == 5)
        let one: JSONObject = ["thread": "1", "mentions": ["a", "a", "b"]]
        #expect(try route(one, RouteOptions()) == ChannelRouter.Route(channels: ["thread:1", "user:a", "user:b"]))
    }

    @Test("a deletion makes nobody a channel by mentioning them")
    func deletions() throws {
        let fields: JSONObject = ["type": "comment.deleted", "thread": "1", "mentions": ["a", "b"], "id": "c"]
        #expect(try route(fields, RouteOptions()) == ChannelRouter.Route(channels: ["thread:1", "post:c"]))
    }

    @Test("more templates than an event may have channels are refused")
    func tooMany() throws {
        let templates = (0..<9).map { "k\($0):{thread}" }
        #expect(throws: CommentsError.self) { try RouteStage(RouteOptions(channels: templates)) }
        #expect(throws: Never.self) { try RouteStage(RouteOptions(channels: templates, maxChannels: 9)) }
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
