import Testing

@testable import Edge

@Suite("Channels in tokens")
struct ChannelPatternTests {
    @Test(
        "a name matches one channel, and a final star any suffix",
        arguments: [
            ("user:7", "user:7", true), ("user:7", "user:70", false), ("user:7", "user:", false),
            ("user:7", "User:7", false), ("room:*", "room:a", true), ("room:*", "room:a:b", true),
            ("room:*", "rooms:a", false), ("room:*", "room", false), ("room:a*", "room:a", true),
            ("room:a*", "room:b", false), ("user:caf\u{E9}", "user:caf\u{E9}", true),
            // They look alike and are equal by ==, but are two channels.
            ("user:caf\u{E9}", "user:cafe\u{301}", false), ("user:caf*", "user:cafe\u{301}", true),
            ("user:cafe*", "user:cafe\u{301}", true),
        ])
    func matching(pattern: String, channel: String, isMatch: Bool) throws {
        #expect(try #require(ChannelPattern(pattern)).matches(channel) == isMatch)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "*", ":", ":*", "user", "user*", ":7", "user:", "user:*7", "us*er:7", "user:**", "user:{7}", "user:\n",
            "user:7\u{7F}", "user:" + String(repeating: "a", count: 253),
        ])
    func refused(pattern: String) {
        #expect(ChannelPattern(pattern) == nil)
    }
}
