import Edge
import Foundation
import TestSupport
import Testing

/// Channels of which only the newest event counts, and channels that keep nothing, over a real Redis.
@Suite("kinds of channels at the edge", .serialized)
struct KindsTests {
    private let redis: RedisServer
    private let path = "/v1/channels/post:x?offset="

    init() throws {
        redis = try RedisServer()
    }

    @discardableResult
    private func publish(_ numbers: ClosedRange<Int>, _ kind: String = "state", life: Int = 600_000) throws -> String {
        let events = numbers.map { #"{"id":"\#($0)"}"# }
        return try redis.cli(["FCALL", "tidings_publish", "0", "post:x", kind, "\(life)"] + events)
    }

    private func ids(_ text: String) -> [String] {
        (try? ParsedJSON(parsing: text))?.array?.compactMap { $0["id"]?.string } ?? []
    }

    private func edge() throws -> (edge: LiveEdge, client: HTTPClient) {
        let edge = try LiveEdge(redis: redis.url)
        return (edge, HTTPClient(port: edge.port))
    }

    @Test("a reader from the beginning gets the newest state only, whether the edge has followed the channel or not")
    func beginning() throws {
        let (followed, one) = try edge()
        defer { try? followed.stop() }
        try publish(1...20)
        #expect(try ids(one.get(path + "-1").text) == ["20"])
        for number in 21...23 {
            try publish(number...number)
            try eventually("it is announced") { try ids(one.get(path + "-1").text) == ["\(number)"] }
        }
        let (fresh, two) = try edge()
        defer { try? fresh.stop() }
        for client in [one, two] {
            for way in ["", "&live=long-poll"] {
                let answer = try client.get(path + "-1" + way)
                #expect(ids(answer.text) == ["23"] && answer[header: "Stream-Up-To-Date"] == "true")
            }
            let poll = try client.get("/v1/poll?c=post:x@-1").json["channels"]?["post:x"]
            #expect(poll?["reset"]?.bool == false && poll?["events"]?.array?.map { $0["id"] } == ["23"])
        }
    }

    @Test("a reader who comes back gets what is newer, at any edge, and is told of no loss")
    func resumed() throws {
        let (first, one) = try edge()
        defer { try? first.stop() }
        try publish(1...1)
        var offsets = [try #require(try one.get(path + "-1")[header: "Stream-Next-Offset"])]
        for number in 2...12 {
            try publish(number...number)
            var answer = try one.get(path + offsets[number - 2] + "&live=long-poll")
            #expect(ids(answer.text) == ["\(number)"])
            answer = try one.get(path + "now")
            offsets.append(try #require(answer[header: "Stream-Next-Offset"]))
        }
        let (second, two) = try edge()
        defer { try? second.stop() }
        for (index, offset) in offsets.enumerated() {
            let answers = try [one, two].map { try $0.get(path + offset) }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(ids(answers[0].text) == (index + 2..<13).map { "\($0)" }, "the ring has all")
            #expect(ids(answers[1].text) == (index < 11 ? ["12"] : []), "the newest makes good what is missing")
        }
    }

    @Test("a reader who waits for a post that does not exist gets its first event, at any edge, and no reset")
    func unborn() throws {
        let edges = try (0..<2).map { _ in try edge() }
        defer { for edge in edges { try? edge.edge.stop() } }
        let readers = edges.map(\.edge).map { edge in ChannelReader("post:x", hold: 2) { edge.port } }
        let given = try edges.map { try #require(try $0.client.get(path + "now")[header: "Stream-Next-Offset"]) }
        try publish(1...1)
        try publish(2...2)
        for reader in readers {
            try eventually("both arrive") { reader.ids.last == "2" }
            #expect(reader.resets == 0)
            try reader.stop()
        }
        for offset in given {
            for edge in edges {
                let answer = try edge.client.get(path + offset)
                #expect(answer.status == 200 && ids(answer.text).last == "2")
            }
        }
    }

    @Test("a position of a post that did not exist is told when a state may have come and gone, and at no other time")
    func expired() throws {
        let (first, one) = try edge()
        defer { try? first.stop() }
        let given = try #require(try one.get(path + "-1")[header: "Stream-Next-Offset"])
        try publish(1...1, life: 1)
        try eventually("it expires") { try redis.cli("EXISTS", "feed.state:{post:x}") == "0" }
        try redis.cli("HINCRBY", "feed.swept", "time", "1000")
        let (second, two) = try edge()
        defer { try? second.stop() }
        #expect(try two.get(path + given).status == 410)
        let fresh = try #require(try two.get(path + "-1")[header: "Stream-Next-Offset"])
        for _ in 0..<3 { #expect(try two.get(path + fresh).status == 200) }
    }

    @Test("a state that fell off its history: older positions are lost, the last one is good, the next event is read")
    func fallen() throws {
        let (first, one) = try edge()
        defer { try? first.stop() }
        try redis.publish("thread:1", 1...3)
        let born = try redis.cli("HGET", "feed.config:{thread:1}", "born")
        func write(_ last: Int, at number: Int) throws {
            try redis.cli("SET", "feed.state:{post:x}", "\(born) \(last) at \(born) \(number) thread:1")
        }
        try write(1, at: 2)
        let before = try #require(try one.get(path + "-1")[header: "Stream-Next-Offset"])
        #expect(before.hasSuffix("1"))
        try write(2, at: 1000)
        let (second, two) = try edge()
        defer { try? second.stop() }
        let answer = try two.get(path + "-1")
        let last = try #require(answer[header: "Stream-Next-Offset"])
        #expect(answer.text == "[]" && last.hasSuffix("2"))
        #expect(try two.get(path + before).status == 410)
        #expect(try two.get(path + last).status == 200)
        try write(3, at: 3)
        let (third, three) = try edge()
        defer { try? third.stop() }
        for offset in [before, last, "-1"] { #expect(try three.get(path + offset).text == #"[{"id":"3"}]"#) }
    }

    @Test("readers of a channel that keeps nothing get every event while they are there, the first one included")
    func nothing() throws {
        let (first, one) = try edge()
        defer { try? first.stop() }
        let readers = [ChannelReader.Way.longPoll, .poll].map { way in
            ChannelReader("post:x", way: way, hold: 2) { first.port }
        }
        let start = try #require(try one.get(path + "now")[header: "Stream-Next-Offset"])
        for number in 1...300 { try publish(number...number, "none") }
        for reader in readers {
            try eventually(within: 15, "all arrive") { reader.ids.count >= 300 }
            #expect(reader.ids == (1...300).map { "\($0)" } && reader.resets == 0)
            try reader.stop()
        }
        #expect(try redis.cli("KEYS", "feed.*{post:x}") == "feed.state:{post:x}")
        // The ring holds them; another edge does not.
        #expect(try ids(one.get(path + start).text).count == 300)
        #expect(try one.get(path + "-1").text == "[]")
        let (second, two) = try edge()
        defer { try? second.stop() }
        #expect(try two.get(path + start).status == 410)
        let now = try #require(try two.get(path + "-1")[header: "Stream-Next-Offset"])
        #expect(try one.get(path + now).status == 200)
        #expect(try two.get(path + now).status == 200)
    }

    @Test("connections that are cut lose announcements of a channel that keeps nothing, and its readers are told")
    func cut() throws {
        let (first, _) = try edge()
        defer { try? first.stop() }
        let reader = ChannelReader("post:x", hold: 2) { first.port }
        try publish(1...1, "none")
        try eventually("it is announced") { reader.ids == ["1"] }
        try redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
        try redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try publish(2...2, "none")
        try eventually(within: 15, "it is told, or has the event") { reader.resets == 1 || reader.ids == ["1", "2"] }
        try publish(3...3, "none")
        try eventually(within: 15, "the channel goes on") { reader.ids.last == "3" }
        try reader.stop()
    }
}
