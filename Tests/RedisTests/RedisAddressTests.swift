import Redis
import Testing

@Suite("addresses of Redis")
struct RedisAddressTests {
    @Test(
        "a good address is understood, and its URL is read as the same again",
        arguments: [
            ("redis://127.0.0.1:6379/0", RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: 6379))),
            ("redis://host", RedisAddress(endpoint: .tcp(host: "host", port: 6379))),
            ("redis://:7000/3", RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: 7000), database: 3)),
            ("redis://[::1]:6380", RedisAddress(endpoint: .tcp(host: "::1", port: 6380))),
            ("redis://secret@h", RedisAddress(endpoint: .tcp(host: "h", port: 6379), password: "secret")),
            ("redis://:s%40%2f:@h", RedisAddress(endpoint: .tcp(host: "h", port: 6379), password: "s@/:")),
            (
                "redis://me:p@h:1/2",
                RedisAddress(endpoint: .tcp(host: "h", port: 1), database: 2, user: "me", password: "p")
            ),
            ("unix:///run/redis.sock", RedisAddress(endpoint: .unix(path: "/run/redis.sock"))),
            (
                "unix:///a%20b?db=2&password=x%26y",
                RedisAddress(endpoint: .unix(path: "/a b"), database: 2, password: "x&y")
            ),
        ])
    func good(text: String, expected: RedisAddress) throws {
        let address = try RedisAddress(url: text)
        #expect(address == expected)
        #expect(try RedisAddress(url: address.url) == expected, "\(address.url)")
    }

    @Test("a log never shows the password")
    func secret() throws {
        for text in ["redis://me:hunter2@h", "unix:///s?password=hunter2"] {
            #expect(try !"\(RedisAddress(url: text))".contains("hunter2"))
        }
    }

    @Test(
        "a bad address is refused with what would be right",
        arguments: [
            ("localhost:6379", "redis://host:6379/0"), ("http://x", "unknown scheme 'http'"),
            ("rediss://x", "is not supported"), ("redis-cluster://x", "is not supported"),
            ("redis://h:0", "no valid port"), ("redis://h:99999", "no valid port"),
            ("redis://h/x", "no database number"),
            ("unix://relative", "no absolute path"), ("unix:///s?user=x", "is not known"),
            ("unix:///\(String(repeating: "x", count: 107))", "longer than 107 bytes"),
        ])
    func bad(text: String, expected: String) {
        let error = #expect(throws: RedisError.self) { try RedisAddress(url: text) }
        #expect(error?.code == .address)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
    }
}

@Suite("logins in addresses")
struct RedisLoginTests {
    @Test(
        "a login is read: user and password, or the password alone",
        arguments: [
            ("redis://:secret@h", nil, "secret"), ("redis://secret@h", nil, "secret"),
            ("redis://ann:secret@h:1/2", "ann", "secret"), ("redis://ann:a:b@h", "ann", "a:b"),
            ("redis://:p@ss@h", nil, "p@ss"), ("redis://:%40%3A%2f%25@h", nil, "@:/%"), ("redis://ann:@h", "ann", ""),
            ("redis://:100%@h", nil, "100%"), ("redis://:%zz%+1@h", nil, "%zz%+1"), ("redis://:%C3%A9@h", nil, "é"),
        ] as [(String, String?, String?)])
    func login(_ url: String, _ user: String?, _ password: String?) throws {
        let address = try RedisAddress(url: url)
        #expect(address.user == user)
        #expect(address.password == password)
    }

    @Test(
        "an address survives the way through its URL, whatever the password",
        arguments: [
            "simple", "a:b@c/d?e#f", "%41", "100%", "with space", "é\u{1F600}", "&=+", "'\"\\", "\n\t\u{1}", "@", ":",
            "/",
        ])
    func roundTrip(_ secret: String) throws {
        let tcp: [RedisAddress.Endpoint] = [.tcp(host: "example.org", port: 7), .tcp(host: "::1", port: 6379)]
        let unix: [RedisAddress.Endpoint] = [.unix(path: "/run/r.sock"), .unix(path: "/odd %3f?/\u{e9}&.sock")]
        var addresses = unix.map { RedisAddress(endpoint: $0, database: 3, password: secret) }
        for user in [nil, "ann", secret] {
            addresses += tcp.map { RedisAddress(endpoint: $0, database: 3, user: user, password: secret) }
        }
        addresses += (tcp + unix).map { RedisAddress(endpoint: $0) }
        for address in addresses { #expect(try RedisAddress(url: address.url) == address, "\(address.url)") }
    }

    @Test(
        "an error about an address does not show the password in it",
        arguments: [
            "redis://:secret@h:x", "redis://ann:secret@h/x", "redis://:sec:secret@h:0",
            "unix:///r?password=secret&db=x",
            "rediss://:secret@h", "unix://r?password=secret", "unix:///r?db=1&user=x&password=secret",
            "http://ann:secret@h", "ann:secret@h:6379",
        ])
    func noPasswordInErrors(_ url: String) {
        let error = #expect(throws: RedisError.self) { try RedisAddress(url: url) }
        #expect(error?.message.contains("secret") == false, "\(error?.message ?? "")")
    }
}
