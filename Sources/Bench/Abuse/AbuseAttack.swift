import JSON

/// One thing that a stranger may do to a server: what is sent, and which limit stands against it.
struct AbuseAttack {
    /// A request to `POST /v1/comments`.
    struct Request {
        var body: String
        /// The address that a trusted proxy names; nil: none, and so no limit by address.
        var address: String?
    }

    /// What is done, for the table.
    let name: String
    /// The settings that bound it.
    let limit: String
    let requests: [Request]

    private init(_ name: String, limit: String, _ requests: [Request]) {
        self.name = name
        self.limit = limit
        self.requests = requests
    }

    /// The attacks that were measured on an earlier version, which had none of these limits, and others like them.
    static var all: [AbuseAttack] { texts + channels + floods }

    /// As an attacker writes it, with no byte too many.
    private static func event(_ members: JSONObject) -> String { members.text.replacing("\\u003c", with: "<") }

    private static func names(_ count: Int, _ prefix: String) -> JSON {
        .array((0..<count).map { .string("\(prefix)\($0)") })
    }

    private static func filled(_ piece: String, _ bytes: Int) -> JSON {
        .string(String(repeating: piece, count: bytes / piece.utf8.count))
    }

    /// What one comment can be blown up to.
    private static var texts: [AbuseAttack] {
        func one(
            _ name: String, limit: String, _ thread: String, _ member: String, _ value: JSON
        ) -> AbuseAttack {
            let fields: JSONObject = [
                "thread": .string(thread), "text": "x", "forum": "f", "author": ["id": "a"],
                "mentions": names(64, thread),
            ]
            var changed = fields
            changed[member] = value
            return AbuseAttack(name, limit: limit, [Request(body: event(changed), address: "192.0.2.1")])
        }
        /// A comment and its edits, with these members.
        func versions(
            _ name: String, limit: String, _ thread: String, _ members: [JSONObject], address: String
        ) -> AbuseAttack {
            let requests = members.enumerated().map { index, own in
                var fields: JSONObject = [
                    "thread": .string(thread), "id": .string("c" + thread.dropFirst()), "forum": "f",
                    "author": ["id": "a"],
                    "type": index == 0 ? "comment.created" : "comment.edited",
                ]
                for (member, value) in own.members { fields[member] = value }
                return Request(body: event(fields), address: address)
            }
            return AbuseAttack(name, limit: limit, requests)
        }
        let (escapes, long) = ("`format.max_growth`", String(repeating: "y", count: 16_000))
        return [
            one(
                "text of 63 KB of quotes, 64 mentions", limit: "`validate.max_text`", "t1", "text", filled("'", 63_000)),
            one("text of 16 KB of quotes, 64 mentions", limit: "`route.max_copied`", "t2", "text", filled("\"", 8000)),
            one("text of 16 KB of `&`, 64 mentions", limit: escapes, "t3", "text", filled("&", 16_000)),
            one("text of 16 KB of line ends", limit: escapes, "t4", "text", filled("x\n", 16_000)),
            one(
                "text of 16 KB of mentions", limit: "markup of 1 KiB and an eighth", "t5", "text",
                filled("@a ", 16_000)),
            one("text of 16 KB of links", limit: "`moderate.max_links`", "t6", "text", filled("http://a.bc ", 16_000)),
            one("another member of 63 KB of `<`", limit: escapes, "t7", "title", filled("<", 60_000)),
            one(
                "another member of 63 KB, 64 mentions", limit: "`route.max_copied`", "t8", "title",
                filled("x", 60_000)),
            versions(
                "short comment with 5 mentions, then an edit to 16 KB", limit: "`route.max_copied`", "t9",
                ["x", long].map { ["text": .string($0), "mentions": names(5, "t9")] }, address: "192.0.2.2"),
            versions(
                "10 versions, each with 5 other mentions, the last of 16 KB",
                limit: "a change reaches 8 channels, 32 KiB", "t10",
                (0..<10).map { index in
                    let people = (0..<5).map { "@p\(index)\($0) " }.joined()
                    return ["text": .string(people + (index == 9 ? long : "x"))]
                }, address: "192.0.2.9"),
        ]
    }

    /// How many channels somebody can make.
    private static var channels: [AbuseAttack] {
        func deletions(_ batch: Int) -> String {
            (0..<1000).map { number in
                event([
                    "type": "comment.deleted", "thread": .string("d\(batch)-\(number)"), "id": "c", "forum": "f",
                    "mentions": names(48, "m\(batch)-\(number)-"),
                ])
            }.joined(separator: "\n")
        }
        return [
            AbuseAttack(
                "a post of 309 bytes that names 32 channels", limit: "`route.max_channels`, `max_mentions`",
                [Request(body: event(["thread": "n1", "text": "x", "mentions": names(31, "n")]), address: "192.0.2.3")]),
            AbuseAttack(
                "3,000 deletions of nothing in 3 requests, from one address", limit: "`post_burst`",
                (0..<3).map { Request(body: deletions($0), address: "192.0.2.4") }),
            AbuseAttack(
                "the same deletions from a place without limits by address",
                limit: "a deletion makes no channel of a mention",
                (3..<6).map { Request(body: deletions($0), address: nil) }),
            AbuseAttack(
                "60 new conversations, from one address", limit: "`posts_per_minute`, `threads_per_minute`",
                (0..<60).map { Request(body: event(["thread": .string("w\($0)"), "text": "x"]), address: "192.0.2.5") }),
        ]
    }

    /// How much can be posted.
    private static var floods: [AbuseAttack] {
        func post(_ number: Int, _ address: String) -> Request {
            Request(
                body: event([
                    "thread": "z1", "text": "hello", "author": ["id": .string("fresh-\(number)-\(address)")],
                ]), address: address)
        }
        return [
            AbuseAttack(
                "100 posts, each by another `author.id`, from one address", limit: "`posts_per_minute`",
                (0..<100).map { post($0, "192.0.2.6") }),
            AbuseAttack(
                "100 posts from the addresses of one IPv6 /64", limit: "`posts_per_minute`",
                (0..<100).map { post($0, "2001:db8:0:1::\(String($0 + 1, radix: 16))") }),
            AbuseAttack(
                "100 posts from 100 addresses", limit: "none but the work of having them",
                (0..<100).map { post($0, "198.51.100.\($0 + 1)") }),
        ]
    }
}
