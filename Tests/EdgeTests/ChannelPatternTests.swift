import Testing

@testable import Edge

@Suite("Channels in tokens")
struct ChannelPatternTests {
    @Test(
        "a name is one channel, and a star at the end stands for any end",
        arguments: [
            ("user:7", "user:7", true), ("user:7", "user:70", false), ("user:7", "user:", false),
            ("user:7", "User:7", false), ("room:*", "room:a", true), ("room:*", "room:a:b", true),
            ("room:*", "rooms:a", false), ("room:*", "room", false), ("room:a*", "room:a", true),
            ("room:a*", "room:b", false), ("user:caf\u{E9}", "user:caf\u{E9}", true),
            // Alike to the eye, and to Swift's ==, and two channels all the same.
            ("user:caf\u{E9}", "user:cafe\u{301}", false), ("user:caf*", "user:cafe\u{301}", true),
            ("user:cafe*", "user:cafe\u{301}", true),
        ])
    func matching(pattern: String, channel: String, isMatch: Bool) throws {
        #expect(try #require(ChannelPattern(pattern)).matches(channel) == isMatch)
    }

    @Test(
        "what is neither is refused",
        arguments: [
            "", "*", ":", ":*", "user", "user*", ":7", "user:", "user:*7", "us*er:7", "user:**", "user:{7}", "user:\n",
            "user:7\u{7F}", "user:" + String(repeating: "a", count: 253),
        ])
    func refused(pattern: String) {
        #expect(ChannelPattern(pattern) == nil)
    }
}
