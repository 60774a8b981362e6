import Redis
import Testing

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
