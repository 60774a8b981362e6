import TestSupport
import Testing

/// Channels whose names look alike: `é` is one character or two, and Swift's `==` takes both for the same.
@Suite("Names that look alike")
struct ChannelSpellingTests {
    @Test("two spellings of one name are two channels, for those who read, wait and are told")
    func twoChannels() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        let one = "thread:caf\u{E9}"
        let other = "thread:cafe\u{301}"
        let paths = ["thread:caf%C3%A9", "thread:cafe%CC%81"]
        try redis.publish(one, 1...1)
        let client = HTTPClient(port: edge.port)
        #expect(try client.get("/v1/channels/\(paths[0])").text == "[{\"id\":\"1\"}]")
        #expect(try client.get("/v1/channels/\(paths[1])").text == "[]")
        // Both are watched now: what is announced to one must not come to the other.
        let both = try client.get("/v1/poll?c=\(paths[0])@now&c=\(paths[1])@now&timeout=1")
        #expect(both.status == 200, "\(both.text)")
        let readers = [other, one].map { ChannelReader($0, way: .longPoll, hold: 2) { edge.port } }
        try eventually("both are held") { try client.get("/metrics").text.contains("tidings_edge_held 2\n") }
        try redis.publish(other, 2...2)
        try redis.publish(one, 3...3)
        try eventually("both have their news") { readers[0].ids == ["2"] && readers[1].ids == ["1", "3"] }
        for reader in readers { try reader.stop() }
    }
}
