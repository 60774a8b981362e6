import Foundation
import TestSupport
import Testing

/// `tidings token` with the edges that are to take its tokens.
struct TokenCommandTests {
    private static let secret = "not-a-word-of-this-secret-may-ever-be-seen-0123456789"
    private static let secrets = ["TOKEN_KEY": secret]
    private static let keys = """
        tokens:
          audience: tidings
          keys:
            - { id: k1, hs256: { env: TOKEN_KEY } }
            - { id: k2, es256: { file: FOLDER/k2.pub } }
        """

    private func status(_ port: UInt16, _ channel: String, _ token: String) throws -> Int {
        try HTTPClient(port: port).get("/v1/channels/\(channel)", headers: ["Authorization": "Bearer \(token)"]).status
    }

    @Test("an edge takes what is made with its keys, for the channels that are named and no others")
    func accepted() throws {
        let world = try AccessWorld(edge: Self.keys)
        try world.makeKeys("k2")
        let (edge, port) = try world.launch(environment: Self.secrets)
        let made = [
            try world.token("--channel", "user:7", "--channel", "room:*", environment: Self.secrets),
            try world.token("--channel", "user:7", "--channel", "room:*", "--key-id", "k1", environment: Self.secrets),
            try world.token(
                "--channel", "user:7", "--channel", "room:*", "--key", world.folder.file("k2.pem"), "--key-id", "k2",
                "--subject", "7", "--ttl", "90s"),
            // Without an id each key is tried.
            try world.token("--channel", "user:7", "--channel", "room:*", "--key", world.folder.file("k2.pem")),
        ]
        for result in made {
            #expect(result.succeeded && result.errors.isEmpty, "\(result.errors)")
            let token = String(result.output.dropLast())
            #expect(result.output.hasSuffix("\n") && token.allSatisfy { !$0.isWhitespace })
            #expect(try status(port, "user:7", token) == 200 && status(port, "room:a", token) == 200)
            #expect(try status(port, "user:8", token) == 403)
        }
        withExtendedLifetime(edge) {}
    }

    @Test("a token that edges with this configuration would refuse comes with a warning, and they do refuse it")
    func warned() throws {
        let world = try AccessWorld(edge: Self.keys)
        try world.makeKeys("k2")
        try world.makeKeys("other")
        let (edge, port) = try world.launch(environment: Self.secrets)
        for arguments in [
            ["--key", world.folder.file("other.pem")], ["--key", world.folder.file("k2.pem"), "--key-id", "k3"],
            ["--audience", "somebody"],
        ] {
            let result = try TidingsBinary.run(
                ["token", "--channel", "user:7", "--config", world.configuration] + arguments,
                environment: Self.secrets)
            #expect(result.succeeded && result.errors.contains("an edge would refuse it"), "\(result.errors)")
            #expect(try status(port, "user:7", String(result.output.dropLast())) == 401, "\(arguments)")
        }
        withExtendedLifetime(edge) {}
    }

    @Test("what --json prints is what the token says")
    func json() throws {
        let world = try AccessWorld(edge: Self.keys)
        let before = Int(Date().timeIntervalSince1970)
        let result = try world.token(
            "--channel", "user:7", "--ttl", "2h", "--json", environment: Self.secrets.merging(["HOME": "/"]) { $1 })
        let json = try ParsedJSON(parsing: result.output)
        let token = try #require(json["token"]?.string)
        #expect(json["algorithm"]?.string == "HS256" && json["key_id"]?.string == "k1")
        #expect(json["channels"]?.array?.compactMap(\.string) == ["user:7"])
        let expires = try #require(json["expires"]?.integer)
        #expect((7200...7230).contains(expires - before))
        #expect(token.split(separator: ".").count == 3)
    }

    @Test(
        "keys are read as openssl writes them, new and old",
        arguments: [["genpkey"], ["ecparam"], ["ecparam", "-noout"]])
    func formats(command: [String]) throws {
        let world = try AccessWorld(edge: "tokens: { keys: [{ es256: { file: FOLDER/k.pub } }] }")
        if command[0] == "genpkey" {
            try world.makeKeys("k")
        } else if command.count > 1 {
            try world.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "k.pem")
        } else {
            try world.openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "k.pem")
        }
        try world.openssl("ec", "-in", "k.pem", "-pubout", "-out", "k.pub")
        let result = try world.token("--channel", "user:7", "--key", world.folder.file("k.pem"))
        // No warning: the public half fits.
        #expect(result.succeeded && result.errors.isEmpty, "\(result.errors)")
    }

    @Test("a token for writing says who writes, where, and as a moderator of what")
    func writing() throws {
        let world = try AccessWorld(edge: "tokens: { issuer: here, keys: [{ id: k1, hs256: { env: TOKEN_KEY } }] }")
        let result = try world.token(
            "--sub", "42", "--name", "Ann", "--write", "thread:*", "--write", "forum:music", "--moderates", "thread:1",
            "--json", environment: Self.secrets)
        #expect(result.succeeded && result.errors.isEmpty, "\(result.errors)")
        let json = try ParsedJSON(parsing: result.output)
        let parts = try #require(json["token"]?.string).split(separator: ".")
        var text = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        while text.utf8.count % 4 != 0 { text += "=" }
        let claims = try ParsedJSON(
            parsing: String(decoding: #require(Data(base64Encoded: String(text))), as: UTF8.self))
        for (place, said) in [("--json", json), ("claims", claims)] {
            #expect(said["sub"]?.string == "42" && said["channels"] == nil, "\(place)")
            #expect(said["write"]?.array?.compactMap(\.string) == ["thread:*", "forum:music"], "\(place)")
            #expect(said["moderator"]?.array?.compactMap(\.string) == ["thread:1"], "\(place)")
        }
        #expect(claims["name"]?.string == "Ann" && claims["iss"]?.string == "here")
        // A token that no edge would let write comes with a warning.
        let warned = try world.token("--sub", " 42", environment: Self.secrets)
        #expect(warned.succeeded && warned.errors.contains("an edge would refuse it"), "\(warned.errors)")
    }

    @Test("wrong use exits 2 and says what is right, without a word of a key")
    func wrongUse() throws {
        let world = try AccessWorld(edge: Self.keys)
        try world.makeKeys("k2")
        try world.folder.write("too short", to: "short")
        let pem = world.folder.read("k2.pem")
        for (arguments, expected) in [
            (["--sub", "7", "--write", "thread"], "--write: 'thread' is no"),
            (["--sub", "7", "--moderates", "*"], "--moderates: '*' is no"),
            (["--channel", "user:7", "--name", "A"], "--sub"),
            (["--sub", "7", "--moderator", "--moderates", "thread:*"], "--moderator is everywhere"),
            ([], "--channel"), (["--channel", "user"], "is no channel"), (["--channel", "*"], "is no channel"),
            (["--channel", "user:7", "--ttl", "1"], "--ttl takes a time"),
            (["--channel", "user:7", "--ttl", "4000d"], "--ttl takes a time"),
            (["--channel", "user:7", "--key-id", "k9"], "has the id 'k9'"),
            (["--channel", "user:7", "--key-id", "k2"], "only the public half"),
            (["--channel", "user:7", "--key", "/no/such"], "/no/such cannot be read"),
            (["--channel", "user:7", "--key", world.folder.path], "cannot be read"),
            (["--channel", "user:7", "--key", world.folder.file("short")], "at least 32 bytes"),
            (["--channel", "user:7", "--key", world.folder.file("k2.pub")], "no private key in PEM form"),
            (["--channel", "user:7"], "the variable TOKEN_KEY is not set"),
        ] as [([String], String)] {
            let result = try TidingsBinary.run(["token", "--config", world.configuration] + arguments)
            #expect(result.exit == .code(2) && result.errors.contains(expected), "\(arguments): \(result.errors)")
            #expect(result.output.isEmpty && !result.errors.contains("too short") && !result.errors.contains(pem))
        }
        let none = try TidingsBinary.run(["token", "--channel", "user:7"], in: "/")
        #expect(none.exit == .code(2) && none.errors.contains("edge.tokens.keys"), "\(none.errors)")
    }

    @Test("PyJWT reads what is made here, and what PyJWT makes is taken here")
    func otherImplementation() throws {
        let python: PythonEnvironment
        do {
            python = try PythonEnvironment(["PyJWT[crypto]==2.15.1"])
        } catch is PythonEnvironment.IndexUnreachable {
            guard ProcessInfo.processInfo.environment["CI"] == nil else { throw TestSupportError("pip has no index") }
            try Test.cancel("NOT TESTED: pip cannot reach its index to install PyJWT")
        }
        let world = try AccessWorld(edge: Self.keys)
        try world.makeKeys("k2")
        let (edge, port) = try world.launch(environment: Self.secrets)
        try world.folder.write(Self.secret + "\n", to: "k1")
        let program = try python.write(Self.program, to: "jwt_check.py")
        for (algorithm, id, key, check) in [("HS256", "k1", "k1", "k1"), ("ES256", "k2", "k2.pem", "k2.pub")] {
            let ours = try world.token(
                "--channel", "user:7", "--subject", "é", "--key", world.folder.file(key), "--key-id", id)
            let read = try python.run(
                program, ["read", algorithm, world.folder.file(check)], input: String(ours.output.dropLast()))
            #expect(read.succeeded, "\(read.errors)")
            let claims = try ParsedJSON(parsing: read.output)
            #expect(claims["aud"]?.string == "tidings" && claims["sub"]?.string == "é")
            #expect(claims["channels"]?.array?.compactMap(\.string) == ["user:7"] && claims["kid"]?.string == id)
            let theirs = try python.run(program, ["make", algorithm, world.folder.file(key), id])
            let token = String(theirs.output.dropLast())
            #expect(try theirs.succeeded && status(port, "user:7", token) == 200, "\(theirs.errors)")
            #expect(try status(port, "user:8", token) == 403)
        }
        withExtendedLifetime(edge) {}
    }

    private static let program = """
        import json, sys, time
        import jwt

        action, algorithm, path = sys.argv[1:4]
        key = open(path).read().rstrip("\\n")
        if action == "read":
            token = sys.stdin.read()
            claims = jwt.decode(token, key, algorithms=[algorithm], audience="tidings",
                                options={"require": ["exp", "iat"]})
            print(json.dumps(claims | {"kid": jwt.get_unverified_header(token)["kid"]}))
        else:
            now = int(time.time())
            claims = {"exp": now + 60, "nbf": now, "aud": ["tidings", "other"], "channels": ["user:7"]}
            print(jwt.encode(claims, key, algorithm=algorithm, headers={"kid": sys.argv[4]}))

        """
}
