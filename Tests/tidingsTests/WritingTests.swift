import Foundation
import TestSupport
import Testing

/// Comments that are posted at a real edge, as they stand in the queue in Redis: whose they are, whatever they say.
struct WritingTests {
    private static let secret = "not-a-word-of-this-secret-may-ever-be-seen-0123456789"
    private static let apiKey = "blog-key-of-more-than-twenty"
    private static let environment = ["TOKEN_KEY": secret, "BLOG_KEY": apiKey]

    private static func post(
        _ port: UInt16, _ body: String, _ headers: [String: String] = [:]
    ) throws -> HTTPResponse {
        try HTTPClient(port: port, timeout: 10).post("/v1/comments", body, headers: headers)
    }

    /// The events in the first queue: no worker takes them.
    private static func queued(_ world: AccessWorld) throws -> [String] {
        try (0..<8).flatMap { partition in
            try world.server.cli("LRANGE", "{comments.\(partition)}:queue:validate", "0", "-1")
                .split(separator: "\n").map(String.init)
        }
    }

    /// The header field of a request with a token that the configuration's key signs.
    private static func bearer(_ world: AccessWorld, _ arguments: String...) throws -> [String: String] {
        let result = try TidingsBinary.run(
            ["token", "--config", world.configuration] + arguments, environment: environment)
        #expect(result.errors.isEmpty, "\(result.errors)")
        return ["Authorization": "Bearer \(result.output.dropLast())"]
    }

    @Test("with a token the author is its subject, and the event says so in front; nothing that was sent in changes it")
    func tokens() throws {
        let world = try AccessWorld(
            edge: """
                tokens: { keys: [{ id: k1, hs256: { env: TOKEN_KEY } }] }
                api_keys: [{ name: blog, env: BLOG_KEY }]
                """)
        let (edge, port) = try world.launch(environment: Self.environment)
        let ann = try Self.bearer(
            world, "--sub", "42", "--name", "Ann", "--write", "thread:*", "--write", "forum:music")
        let body =
            #"{"id":"a","thread":"1","forum":"music","text":"x","#
            + #""author":{"id":"1","name":"Bob","role":"admin"},"received_at":1}"#
        #expect(try Self.post(port, body, ann).status == 202)
        #expect(
            try Self.queued(world) == [
                #"{"_by":"u:42","id":"a","thread":"1","forum":"music","text":"x","author":{"id":"42","name":"Ann"}}"#
            ])
        // What was not taken leaves nothing behind.
        for (sent, headers, status, word) in [
            (#"{"_by":"m:1","thread":"1","text":"x"}"#, ann, 400, "`_by` is a member of ours"),
            (#"{"thread":"1","text":"x","_\u0062y":"m:1"}"#, ann, 400, "`_by` is a member of ours"),
            (#"{"thread":"1","text":"x","_v":"1-1-1"}"#, ann, 400, "`_v` is"),
            (#"{"_by":"u:1","thread":"1","text":"x"}"#, ["X-Api-Key": Self.apiKey], 400, "`_by` is"),
            (#"{"thread":"1","thread":"2","text":"x"}"#, ann, 400, "`thread` stands twice"),
            (#"{"thread":"1","forum":"other","text":"x"}"#, ann, 403, "forum:other"),
            (#"{"thread":"1","type":"thread.closed"}"#, ann, 403, "only the web app"),
            (#"{"thread":"1","text":"x"}"#, [:], 401, "posting needs a token"),
            (
                "{\"thread\":\"1\",\"text\":\"x\"}\n{\"thread\":\"2\",\"forum\":\"other\",\"text\":\"y\"}\n", ann, 403,
                "line 2: the token may not post into forum:other"
            ),
        ] as [(String, [String: String], Int, String)] {
            let answer = try Self.post(port, sent, headers)
            #expect(answer.status == status && answer.text.contains(word), "\(sent): \(answer.text)")
        }
        #expect(try Self.queued(world).count == 1)
        // A moderator, an author with odd characters, and the web app, whose bytes are its own.
        let moderator = try Self.bearer(world, "--sub", "<a> \"é\"", "--moderator")
        #expect(try Self.post(port, #"{"id":"b","thread":"2","type":"thread.closed"}"#, moderator).status == 202)
        let own = #"{ "id":"c", "thread":"3", "text":"x", "author":{"id":"9","role":"admin"}}"#
        #expect(try Self.post(port, own, ["X-Api-Key": Self.apiKey]).status == 202)
        let events = try Self.queued(world)
        #expect(events.contains(own) && events.count == 3)
        let closed = try #require(events.first { $0.contains("thread.closed") })
        #expect(try closed.hasPrefix(#"{"_by":""#) && ParsedJSON(parsing: closed)["_by"]?.string == "m:<a> \"é\"")
        withExtendedLifetime(edge) {}
    }

    @Test("in a closed thread nobody may write anything new, not even the web app; it and moderators may edit")
    func closed() throws {
        let world = try AccessWorld(
            edge: """
                write: open
                tokens: { keys: [{ id: k1, hs256: { env: TOKEN_KEY } }] }
                api_keys: [{ name: blog, env: BLOG_KEY }]
                """)
        let (edge, port) = try world.launch(environment: Self.environment)
        // CRC16 of 42 is a multiple of 8.
        _ = try world.server.cli("HSET", "{comments.0}:closed", "42", "5")
        let app = ["X-Api-Key": Self.apiKey]
        let (ann, moderator) = (
            try Self.bearer(world, "--sub", "1"), try Self.bearer(world, "--sub", "2", "--moderator")
        )
        let rows: [(type: String, headers: [String: String], status: Int)] = [
            ("created", app, 409), ("created", moderator, 409), ("created", ann, 409), ("created", [:], 409),
            ("edited", ann, 409), ("edited", [:], 409), ("edited", moderator, 202), ("edited", app, 202),
            ("deleted", ann, 202), ("deleted", [:], 202),
        ]
        for row in rows {
            let sent = #"{"id":"a","thread":42,"type":"comment.\#(row.type)","text":"x"}"#
            let answer = try Self.post(port, sent, row.headers)
            #expect(answer.status == row.status, "\(row): \(answer.text)")
            if row.status == 409 {
                let reason = try ParsedJSON(parsing: answer.text)["error"]?.string
                #expect(reason == "the thread '42' is closed to new comments and edits; nothing was taken")
            }
        }
        #expect(try Self.post(port, #"{"thread":42,"text":"no type is new"}"#, app).status == 409)
        #expect(try Self.queued(world).count == 4)
        withExtendedLifetime(edge) {}
    }

    @Test("an anonymous writer is the fingerprint of the key that the first answer brought, at every edge process")
    func editKeys() throws {
        let world = try AccessWorld(edge: "write: open")
        let (edge, port) = try world.launch(workers: 2)
        let body = #"{"id":"a","thread":"1","text":"x","author":{"id":"1","name":"Bob"}}"#
        let first = try ParsedJSON(parsing: try Self.post(port, body).text)
        let key = try #require(first["edit_key"]?.string)
        for id in ["b", "c", "d"] {
            let sent = #"{"id":"\#(id)","thread":"1","type":"comment.deleted"}"#
            let answer = try ParsedJSON(parsing: try Self.post(port, sent, ["Edit-Key": key]).text)
            #expect(answer["ids"]?.array?.first?.string == id && answer["edit_key"] == nil)
        }
        let senders = try Self.queued(world).map { try ParsedJSON(parsing: $0)["_by"]?.string ?? "" }
        #expect(senders.count == 4 && Set(senders).count == 1 && senders[0].hasPrefix("k:") && senders[0].count == 24)
        #expect(!senders[0].contains(key))
        let created = try #require(try Self.queued(world).first { $0.contains("Bob") })
        #expect(created.hasSuffix(#""id":"a","thread":"1","text":"x","author":{"name":"Bob"}}"#), "\(created)")
        withExtendedLifetime(edge) {}
    }

    @Test("an edge for other machines does not start before somebody says who may post, and `tidings up` neither")
    func strangers() throws {
        let server = try RedisServer()
        for command in ["edge", "up"] {
            let arguments = [command, "--listen", "0.0.0.0:0", "--redis", server.url]
            let result = try TidingsBinary.run(arguments, in: "/")
            #expect(result.exit == .code(2) && result.errors.contains("nothing says who may post"), "\(result.errors)")
            let wrong = try TidingsBinary.run(arguments + ["--write", "token"], in: "/")
            #expect(wrong.exit == .code(2) && wrong.errors.contains("no keys to check tokens"), "\(wrong.errors)")
        }
    }

    @Test("a key set in a file is read again when it changes, and an unreadable one leaves the old keys in force")
    func keySets() throws {
        let world = try AccessWorld(edge: "tokens: { jwks: { file: FOLDER/jwks.json } }")
        let sets = try makeSets(world)
        try world.folder.write(sets[0], to: "jwks.json")
        let (edge, port) = try world.launch()
        let tokens = try makeTokens(world)
        #expect(try status(port, tokens[0]) == 202 && status(port, tokens[1]) == 401)
        try world.folder.write("{", to: "jwks.json")
        try eventually(within: 20, "the edge says what is wrong") { edge.errors.contains("the key set cannot be read") }
        #expect(try status(port, tokens[0]) == 202)
        try world.folder.write(sets[1], to: "jwks.json")
        try eventually(within: 20, "the edge knows the new key") { try status(port, tokens[1]) == 202 }
        #expect(try status(port, tokens[0]) == 401)
        let metrics = try HTTPClient(port: port).get("/metrics").text
        #expect(metrics.contains("tidings_edge_key_set_keys 1"))
    }

    @Test("a key set comes from an address without which the edge starts all the same")
    func address() throws {
        let world = try AccessWorld(edge: "")
        let sets = try makeSets(world)
        try world.folder.write(sets[0], to: "jwks.json")
        let web = try ChildProcess(
            "python3", ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", world.folder.path])
        var webPort: Substring?
        try eventually(within: 20, "the web server listens") {
            webPort = web.output.firstMatch(of: /port (\d+)/)?.1
            return webPort != nil
        }
        try world.configure("tokens: { jwks: { url: 'http://127.0.0.1:\(webPort ?? "")/jwks.json' } }")
        let (edge, port) = try world.launch()
        let tokens = try makeTokens(world)
        try eventually(within: 20, "the edge has fetched the keys") { try status(port, tokens[0]) == 202 }
        #expect(try status(port, tokens[1]) == 401)
        withExtendedLifetime((edge, web)) {}
    }

    /// Two key sets of one key each, `a` and `b`, whose private halves are a.pem and b.pem.
    private func makeSets(_ world: AccessWorld) throws -> [String] {
        try ["a", "b"].map { name in
            try world.openssl("genpkey", "-algorithm", "ED25519", "-out", "\(name).pem")
            try world.openssl("pkey", "-in", "\(name).pem", "-pubout", "-outform", "DER", "-out", "\(name).der")
            let der = try Data(contentsOf: URL(fileURLWithPath: world.folder.file("\(name).der")))
            let x = der.suffix(32).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
            return #"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"\#(name)","x":"\#(x)"}]}"#
        }
    }

    private func makeTokens(_ world: AccessWorld) throws -> [String] {
        try ["a", "b"].map { name in
            let key = world.folder.file("\(name).pem")
            return String(try world.token("--sub", "7", "--key", key, "--key-id", name).output.dropLast())
        }
    }

    private func status(_ port: UInt16, _ token: String) throws -> Int {
        try Self.post(port, #"{"thread":"1","text":"x"}"#, ["Authorization": "Bearer \(token)"]).status
    }
}
