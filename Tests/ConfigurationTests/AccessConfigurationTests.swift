import Edge
import Glibc
import JSON
import TestSupport
import Testing

@testable import Configuration

/// What `tidings.yaml` says about who may read and write.
struct AccessConfigurationTests {
    private static func access(_ edge: String) throws -> AccessSettings {
        try Configuration(yaml: "edge: { \(edge) }", file: "tidings.yaml").access
    }

    @Test("nothing said is nothing changed: private channels refused, posting open, all origins")
    func defaults() throws {
        let options = try Self.access("hold: 20s").options()
        #expect(options.tokenKeys.isEmpty && options.audience == nil && options.apiKeys.isEmpty)
        #expect(options.apiRate == AccessOptions.Rate(count: 100, milliseconds: 1000) && options.apiBurst == 1000)
        #expect(options.origins == .any)
    }

    @Test("a star among the origins lets every page read and those that are named post; hosts are a star or a list")
    func originsAndHosts() throws {
        #expect(try Self.access("origins: ['*']").options().origins == .any)
        #expect(
            try Self.access("origins: ['*', 'https://example.org']").options().origins
                == .all(writers: ["https://example.org"]))
        func edge(_ text: String) throws -> EdgeSettings {
            try Configuration(yaml: "edge: { \(text) }", file: "tidings.yaml").edge
        }
        #expect(try edge("hold: 20s").hosts == nil)
        #expect(try edge("hosts: '*', admin: '127.0.0.1:8081'").hosts == .any)
        #expect(try edge("admin: '127.0.0.1:8081'").admin == "127.0.0.1:8081")
        #expect(try edge("hosts: [a.example, '[::1]:80']").hosts == .named(["a.example", "[::1]:80"]))
        for (text, message) in [
            ("hosts: a.example", "edge.hosts: expected a list"),
            ("hosts: ['https://a.example']", "edge.hosts[0]: 'https://a.example' is no host"),
            ("hosts: [A.example]", "edge.hosts[0]: 'A.example' is no host"),
            ("hosts: [\((0...256).map { "a\($0)" }.joined(separator: ","))]", "edge.hosts: at most 256 hosts"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try edge(text) }
            #expect(error.map { "\($0)".contains(message) } == true, "\(text.prefix(40)): \(error as Any)")
        }
    }

    @Test("every key is understood, and keys are read from variables and files without the ends of their lines")
    func complete() throws {
        let folder = try TemporaryFolder()
        let secret = "a secret of thirty-two bytes, ok"
        try folder.write(secret + "\r\n\n", to: "key")
        setenv("TIDINGS_TEST_API_KEY", "blog-key-of-more-than-twenty", 1)
        let options = try Self.access(
            """
            tokens: { audience: tidings, keys: [ { id: k1, hs256: { file: \(folder.file("key")) } } ] },
            api_keys: [ { name: blog, env: TIDINGS_TEST_API_KEY },
                        { name: forum, sha256: \(String(repeating: "0", count: 64)) } ],
            api_rate: 5000/hour, api_burst: 70, origins: ["https://example.org", "http://localhost:3000"]
            """
        ).options()
        #expect(options.tokenKeys.map(\.description) == ["HS256 key k1"] && options.audience == "tidings")
        #expect(options.apiKeys.map(\.name) == ["blog", "forum"])
        #expect(options.apiKeys[0].isSameKey(as: try APIKey(name: "x", key: "blog-key-of-more-than-twenty")))
        #expect(options.apiRate == AccessOptions.Rate(count: 5000, milliseconds: 3_600_000) && options.apiBurst == 70)
        #expect(options.origins == .listed(["https://example.org", "http://localhost:3000"]))
        // The key is what stands before the ends of lines: what is signed with it is taken.
        let token = try TokenSigner(id: "k1", hs256: Array(secret.utf8)).token(claims: [
            "exp": 4_000_000_000, "aud": "tidings", "channels": ["user:7"],
        ])
        #expect(options.refusal(of: token) == nil)
        #expect(try Self.access("origins: '*', api_rate: none").options().apiRate == nil)
    }

    @Test(
        "when nobody says how many may come at once, it is ten seconds' worth, or one unit's",
        arguments: [("100/s", 1000), ("30/min", 30), ("5000/hour", 5000), ("1/s", 10), ("1000000/s", 1_000_000)])
    func burst(rate: String, expected: Int) throws {
        #expect(try Self.access("api_rate: \(rate)").options().apiBurst == expected)
    }

    @Test("a key set is read from its file, and from its address only once the edge runs")
    func keySets() throws {
        let folder = try TemporaryFolder()
        let key = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}"#
        try folder.write("{\"keys\":[\(key)]}", to: "jwks.json")
        let local = try Self.access("tokens: { jwks: { file: \(folder.file("jwks.json")) }, issuer: me }").options()
        #expect(local.keySet?.place == .file(folder.file("jwks.json")) && local.keySet?.keys?.map(\.id) == ["a"])
        #expect(local.issuer == "me" && local.write == .token && local.tokenKeys.isEmpty)
        let remote = try Self.access("tokens: { jwks: { url: 'https://a.example/j', refresh: 10m } }").options()
        #expect(remote.keySet?.place == .url("https://a.example/j", caFile: nil) && remote.keySet?.refresh == 600_000)
        #expect(remote.keySet?.keys == nil && remote.hasTokenKeys)
        for (text, word) in [(#"{"keys":[]}"#, "no key that can be used"), ("{", "key set cannot be used")] {
            try folder.write(text, to: "jwks.json")
            #expect {
                try Self.access("tokens: { jwks: { file: \(folder.file("jwks.json")) } }").options()
            } throws: {
                "\($0)".contains("edge.tokens.jwks: ") && "\($0)".contains(word)
            }
        }
    }

    @Test("an edge for other machines does not start before somebody says who may post")
    func strangers() throws {
        #expect(try Self.access("hold: 20s").options(isLocal: true).write == .open)
        #expect {
            try Self.access("hold: 20s").options(isLocal: false)
        } throws: {
            "\($0)".contains("say edge.write: open")
        }
        #expect(try Self.access("write: open").options(isLocal: false).write == .open)
        #expect(try Self.access("hold: 20s").options(write: .open, isLocal: false).write == .open)
        #expect(throws: (any Error).self) { try Self.access("write: token").options() }
        #expect(throws: (any Error).self) { try Self.access("write: key").options() }
    }

    @Test(
        "an error names file, line and key",
        arguments: [
            ("tokens: {}", "edge.tokens: needs keys"), ("tokens: { keys: [] }", "edge.tokens: needs keys"),
            ("tokens: { keys: k }", "edge.tokens.keys: expected a list"),
            ("tokens: { key: [] }", "edge.tokens.key: unknown key; known here: keys, jwks, audience, issuer"),
            ("tokens: { keys: [{ id: k1 }] }", "edge.tokens.keys[0]: needs one of hs256, es256, rs256, eddsa"),
            ("tokens: { keys: [{ ps256: { env: A } }] }", "edge.tokens.keys[0].ps256: unknown key"),
            ("tokens: { keys: [{ rs256: { env: A }, eddsa: { env: A } }] }", "edge.tokens.keys[0]: needs one of hs256"),
            ("tokens: { jwks: {} }", "edge.tokens.jwks: needs one of file"),
            ("tokens: { jwks: { file: a, url: 'https://a.example/' } }", "edge.tokens.jwks: needs one of file"),
            ("tokens: { jwks: { file: a, refresh: 1m } }", "edge.tokens.jwks.refresh: goes with url"),
            (
                "tokens: { jwks: { url: 'ftp://a.example/' } }",
                "edge.tokens.jwks.url: the URL of a document begins with"
            ),
            ("tokens: { jwks: { url: 'https://a/', refresh: 5s } }", "edge.tokens.jwks.refresh: '5s' is out of range"),
            ("write: nobody", "edge.write: 'nobody' is none of open, token and key"),
            ("tokens: { keys: [{ hs256: secret }] }", "edge.tokens.keys[0].hs256: expected keys and values"),
            ("tokens: { keys: [{ hs256: {} }] }", "edge.tokens.keys[0].hs256: needs one of env"),
            ("tokens: { keys: [{ hs256: { env: A, file: b } }] }", "edge.tokens.keys[0].hs256: needs one of env"),
            ("tokens: { keys: [{ hs256: { text: A } }] }", "edge.tokens.keys[0].hs256.text: unknown key"),
            (
                "tokens: { keys: [{ id: a, hs256: { env: A } }, { id: a, hs256: { env: B } }] }",
                "edge.tokens.keys[1]: id 'a' stands twice"
            ),
            (
                "tokens: { keys: [\(Array(repeating: "{ hs256: { env: A } }", count: 5).joined(separator: ", "))] }",
                "edge.tokens.keys: at most 4 keys"
            ),
            ("api_keys: []", "edge.api_keys: no keys"), ("api_keys: key", "edge.api_keys: expected a list"),
            ("api_keys: [{ env: A }]", "edge.api_keys[0]: needs a name"),
            ("api_keys: [{ name: 'a b', env: A }]", "edge.api_keys[0].name: 'a b' is no name"),
            ("api_keys: [{ name: a }]", "edge.api_keys[0]: needs one of env"),
            ("api_keys: [{ name: a, env: A, file: b }]", "edge.api_keys[0]: needs one of env"),
            ("api_keys: [{ name: a, key: b }]", "edge.api_keys[0].key: unknown key"),
            ("api_keys: [{ name: a, sha256: 12 }]", "edge.api_keys[0].sha256: a SHA-256 has 64"),
            ("api_keys: [{ name: a, env: A }, { name: a, env: B }]", "edge.api_keys[1]: name 'a' stands twice"),
            ("api_rate: fast", "edge.api_rate: 'fast' is no rate"), ("api_burst: 0", "edge.api_burst: '0' is no whole"),
            ("origins: https://example.org", "edge.origins: expected a list"),
            ("origins: ['https://example.org/']", "edge.origins[0]: 'https://example.org/' is no origin"),
            ("origins: ['*', '*.example.org']", "edge.origins[1]: '*.example.org' is no origin"),
        ])
    func errors(edge: String, expected: String) {
        #expect {
            try Self.access(edge)
        } throws: { error in
            let text = "\(error)"
            if !text.hasPrefix("tidings.yaml:1: \(expected)") { Issue.record("\(text)\nwanted: \(expected)") }
            return error is ConfigurationError
        }
    }

    @Test(
        "a key that cannot be read or used is named by its place, once somebody needs it, and never shown",
        arguments: [
            ("tokens: { keys: [{ hs256: { env: NO_SUCH } }] }", "edge.tokens.keys[0].hs256.env: the variable NO_SUCH"),
            ("tokens: { keys: [{ hs256: { file: /no/such } }] }", "edge.tokens.keys[0].hs256.file: /no/such cannot"),
            (
                "tokens: { keys: [{ hs256: { file: FOLDER/short } }] }",
                "edge.tokens.keys[0].hs256.file: an HS256 key has"
            ),
            (
                "tokens: { keys: [{ es256: { file: FOLDER/short } }] }",
                "edge.tokens.keys[0].es256.file: an ES256 key is"
            ),
            (
                "tokens: { keys: [{ es256: { file: FOLDER/private } }] }",
                "edge.tokens.keys[0].es256.file: an edge takes the"
            ),
            ("api_keys: [{ name: a, file: FOLDER/short }]", "edge.api_keys[0].file: an API key has 20 to 256"),
            ("api_keys: [{ name: a, file: FOLDER/binary }]", "edge.api_keys[0].file: FOLDER/binary is no UTF-8"),
            ("api_keys: [{ name: a, file: FOLDER/long }]", "edge.api_keys[0].file: FOLDER/long is larger than"),
            ("api_keys: [{ name: a, file: FOLDER }]", "edge.api_keys[0].file: FOLDER cannot be read"),
            (
                "api_keys: [{ name: a, file: FOLDER/good }, { name: b, file: FOLDER/good }]",
                "edge.api_keys[1]: is the same key as that of 'a'"
            ),
        ])
    func unusable(edge: String, expected: String) throws {
        let folder = try TemporaryFolder()
        let word = "abracadabra"
        try folder.write(word, to: "short")
        try folder.write("-----BEGIN PRIVATE KEY-----\n\(word)\n-----END PRIVATE KEY-----\n", to: "private")
        try folder.write(String(repeating: word, count: 10_000), to: "long")
        try folder.write(word + word, to: "good")
        let file = try #require(fopen(folder.file("binary"), "w"))
        fputs(word, file)
        fputc(0xFF, file)
        fclose(file)
        func placed(_ text: String) -> String {
            text.split(separator: "FOLDER", omittingEmptySubsequences: false).joined(separator: folder.path)
        }
        // Who does not need the keys is not troubled: a worker reads the same file.
        let setting = try Self.access(placed(edge))
        #expect {
            try setting.options()
        } throws: { error in
            let text = "\(error)"
            if !text.hasPrefix("tidings.yaml:1: \(placed(expected))") { Issue.record("\(text)\nwanted: \(expected)") }
            return error is ConfigurationError && !text.contains(word)
        }
    }
}
