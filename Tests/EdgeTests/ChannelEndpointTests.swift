import TestSupport
import Testing

@testable import Edge

@Suite("GET /v1/channels")
final class ChannelEndpointTests {
    private static let channel = "/v1/channels/thread:1"

    private let edge: EdgeHarness
    private let client: HTTPClient

    init() throws {
        edge = try EdgeHarness()
        client = edge.client()
    }

    deinit {
        try? edge.stop()
    }

    @Test("a channel nobody has published to is empty, not missing")
    func empty() throws {
        let answer = try edge.client().get(Self.channel)
        #expect(answer.status == 200 && answer.text == "[]")
        #expect(answer[header: "Content-Type"] == "application/json")
        #expect(answer[header: "Stream-Up-To-Date"] == "true")
        #expect(answer[header: "Stream-Next-Offset"] == "0000000001_0000000000000_0001700000000000")
        #expect(answer[header: "Cache-Control"] == "no-store")
        #expect(answer[header: "X-Content-Type-Options"] == "nosniff")
        #expect(answer[header: "Access-Control-Allow-Origin"] == "*")
        #expect(answer[header: "Access-Control-Expose-Headers"]?.contains("Stream-Next-Offset") == true)
    }

    @Test("reading goes from the beginning, from an offset and from now")
    func catchUp() throws {
        for event in ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"] { try edge.publish(event, to: "thread:1") }
        let all = try client.get(Self.channel)
        #expect(all.text == "[{\"n\":1},{\"n\":2},{\"n\":3}]")
        #expect(try client.get(Self.channel + "?offset=-1").text == all.text)
        let tail = try #require(all[header: "Stream-Next-Offset"])
        let none = try client.get(Self.channel + "?offset=" + tail)
        #expect(none.text == "[]" && none[header: "Stream-Next-Offset"] == tail)
        let now = try client.get(Self.channel + "?offset=now")
        #expect(now.text == "[]" && now[header: "Stream-Next-Offset"] == tail && now[header: "ETag"] == nil)
        #expect(now[header: "Stream-Up-To-Date"] == "true")
        let second = tail.dropLast() + "2"
        #expect(try client.get(Self.channel + "?offset=" + second).text == "[{\"n\":3}]")
    }

    @Test("an ETag saves the body when nothing has changed")
    func entityTag() throws {
        try edge.publish("1", to: "thread:1")
        let first = try client.get(Self.channel)
        let tag = try #require(first[header: "ETag"])
        let same = try client.get(Self.channel, headers: ["If-None-Match": tag])
        #expect(same.status == 304 && same.body.isEmpty && same[header: "ETag"] == tag)
        try edge.publish("2", to: "thread:1")
        #expect(try client.get(Self.channel, headers: ["If-None-Match": tag]).text == "[1,2]")
    }

    @Test("HEAD gives the tail and no body")
    func head() throws {
        try edge.publish("1", to: "thread:1")
        let answer = try client.request("HEAD", Self.channel)
        #expect(answer.status == 200 && answer[header: "Content-Type"] == "application/json")
        #expect(answer[header: "Stream-Next-Offset"]?.hasSuffix("01") == true)
        // The connection is still in sync.
        #expect(try client.get("/live").text == "live\n")
    }

    @Test("a long poll is answered when something is published, and its offset continues from there")
    func longPoll() throws {
        var offset = "now"
        for number in 1...3 {
            try client.send(
                raw: "GET \(Self.channel)?offset=\(offset)&live=long-poll&timeout=20 HTTP/1.1\r\nHost: a\r\n\r\n")
            try edge.waitForHeld(1)
            try edge.publish("\(number)", to: "thread:1")
            let answer = try client.readResponse()
            #expect(answer.status == 200 && answer.text == "[\(number)]")
            #expect(answer[header: "Stream-Cursor"] != nil && answer[header: "Stream-Up-To-Date"] == "true")
            offset = try #require(answer[header: "Stream-Next-Offset"])
        }
    }

    @Test("a long-poll with something to read is answered at once")
    func longPollBehind() throws {
        try edge.publish("1", to: "thread:1")
        #expect(try edge.client().get(Self.channel + "?offset=-1&live=long-poll").text == "[1]")
    }

    @Test("the end of the hold is a 204 with the tail's offset and a larger cursor")
    func timeout() throws {
        try edge.publish("1", to: "thread:1")
        let before = try client.get(Self.channel + "?offset=-1&live=long-poll")
        let cursor = try #require(before[header: "Stream-Cursor"].flatMap { Int($0) })
        let answer = try client.get(Self.channel + "?offset=now&live=long-poll&timeout=1&cursor=\(cursor)")
        #expect(answer.status == 204 && answer.body.isEmpty && answer[header: "Stream-Up-To-Date"] == "true")
        #expect(answer[header: "Stream-Next-Offset"]?.hasSuffix("01") == true)
        #expect(try #require(answer[header: "Stream-Cursor"].flatMap { Int($0) }) > cursor)
    }

    @Test("two overlapping polls of one reader get the same events")
    func overlapping() throws {
        let clients = [edge.client(), edge.client()]
        for client in clients {
            try client.send(raw: "GET \(Self.channel)?offset=now&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        try edge.waitForHeld(2)
        try edge.publish("1", to: "thread:1")
        for client in clients { #expect(try client.readResponse().text == "[1]") }
    }

    @Test("a lost position is 410 with a hint, an invalid offset is 400")
    func lost() throws {
        try edge.on { $0.source.capacity = 2 }
        for number in 1...5 { try edge.publish("\(number)", to: "thread:1") }
        let tail = try #require(try client.get(Self.channel)[header: "Stream-Next-Offset"])
        for (offset, status) in [
            (tail.dropLast() + "2", 410), (tail.dropLast() + "3", 200), (tail.dropLast() + "6", 410),
            ("0000000002" + tail.dropFirst(10), 410), ("1", 400),
        ] {
            let answer = try client.get(Self.channel + "?offset=\(offset)&live=long-poll&timeout=1")
            #expect(answer.status == status, "\(offset)")
            if status == 410 { #expect(answer.text.contains("offset=-1")) }
        }
    }

    @Test("a position that another edge has given is looked up in the feed before it is judged")
    func ahead() throws {
        for number in 1...4 { try edge.publish("\(number)", to: "thread:1") }
        let tail = try #require(try client.get(Self.channel)[header: "Stream-Next-Offset"])
        try edge.publish("5", to: "thread:1", announced: false)
        try client.send(
            raw: "GET \(Self.channel)?offset=\(tail.dropLast() + "5")&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.publish("6", to: "thread:1")
        let answer = try client.readResponse()
        #expect(answer.status == 200 && answer.text == "[6]")
        #expect(try client.get(Self.channel + "?offset=\(tail.dropLast() + "8")&live=long-poll").status == 410)
    }

    @Test("the first position of a new channel is good at an edge that has not seen the channel's first event")
    func aheadOfTheFirst() throws {
        #expect(try client.get(Self.channel).text == "[]")
        try edge.publish("1", to: "thread:1", announced: false)
        let offset = "0000000001_1700000000000_0000000000000001"
        try client.send(raw: "GET \(Self.channel)?offset=\(offset)&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.publish("2", to: "thread:1")
        #expect(try client.readResponse().text == "[2]")
    }

    @Test("readers with positions that nobody has seen share the loads that judge them")
    func aheadTogether() throws {
        for number in 1...4 { try edge.publish("\(number)", to: "thread:1") }
        let tail = try #require(try client.get(Self.channel)[header: "Stream-Next-Offset"])
        let loads = try edge.on { world in
            world.source.holdsLoads = true
            return world.source.loads
        }
        let clients = (0..<8).map { _ in edge.client() }
        for (index, client) in clients.enumerated() {
            let offset = tail.dropLast() + "\(index < 6 ? 9 : 5)"
            try client.send(
                raw: "GET \(Self.channel)?offset=\(offset)&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        try edge.waitForHeld(8)
        try edge.publish("5", to: "thread:1", announced: false)
        #expect(try edge.on { $0.source.loads } == loads + 1, "one at a time")
        try edge.on { world in
            world.source.holdsLoads = false
            world.source.answerLoads()
        }
        for client in clients.prefix(6) { #expect(try client.readResponse().status == 410) }
        #expect(try edge.on { $0.source.loads } <= loads + 2)
        try edge.waitForHeld(2)
        try edge.publish("6", to: "thread:1")
        for client in clients.suffix(2) { #expect(try client.readResponse().text == "[6]") }
    }

    @Test("waiting readers get 410 when the epoch changes")
    func anotherEpoch() throws {
        try edge.publish("1", to: "thread:1")
        try client.send(raw: "GET \(Self.channel)?offset=now&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.on { world in
            world.source.breakLink()
            world.source.epoch = 2
            world.source.mendLink()
        }
        #expect(try client.readResponse().status == 410)
    }

    @Test("events published during a broken connection arrive after the reconnect")
    func brokenLink() throws {
        try edge.publish("1", to: "thread:1")
        try client.send(raw: "GET \(Self.channel)?offset=now&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.on { $0.source.breakLink() }
        try edge.publish("2", to: "thread:1", announced: false)
        try edge.on { $0.source.mendLink() }
        #expect(try client.readResponse().text == "[2]")
    }

    @Test("while a channel cannot be loaded, a reader gets 503, never an empty answer")
    func notLoaded() throws {
        try edge.adopt { $0.loadTimeout = 300 }
        try edge.on { world in
            world.source.failsLoads = true
            world.source.trouble = "no connection to Redis"
        }
        let clients = try ["", "?offset=now&live=long-poll&timeout=1"].map { query in
            let client = edge.client()
            try client.send(raw: "GET \(Self.channel)\(query) HTTP/1.1\r\nHost: a\r\n\r\n")
            return client
        }
        for client in clients {
            let answer = try client.readResponse()
            #expect(answer.status == 503 && answer.text.contains("no connection to Redis"))
            #expect(answer[header: "Retry-After"] != nil)
        }
        let ready = try edge.client().get("/ready")
        #expect(ready.status == 503 && ready.text.contains("no connection to Redis"))
        // It recovers by itself.
        try edge.on { $0.source.failsLoads = false }
        try eventually(within: 5, "the channel is loaded") { try edge.client().get(Self.channel).status == 200 }
    }

    @Test("a large history comes in parts, each with the offset of the next")
    func parts() throws {
        try edge.adopt { limits in
            limits.answerBytes = 40
            limits.ringEvents = 8
        }
        for number in 1...60 { try edge.publish("\(1000 + number)", to: "thread:1") }
        var offset = "-1"
        var seen: [Int] = []
        for _ in 0..<60 {
            let answer = try client.get(Self.channel + "?offset=" + offset)
            seen += try #require(answer.json.array).compactMap { $0.integer }
            offset = try #require(answer[header: "Stream-Next-Offset"])
            if answer[header: "Stream-Up-To-Date"] != nil { break }
        }
        #expect(seen == Array(1001...1060))
    }

    @Test("a stream of events carries data, then the offset, and goes on")
    func serverSentEvents() throws {
        try edge.adopt { $0.streamTimeout = 700 }
        try edge.publish("{\"n\":1}", to: "thread:1")
        try client.send(raw: "GET \(Self.channel)?offset=-1&live=sse HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.publish("{\"n\":2}", to: "thread:1")
        let head = try client.readHead()
        #expect(head.status == 200 && head[header: "Content-Type"] == "text/event-stream")
        let text = String(decoding: try client.readToEnd(), as: UTF8.self)
        let data = text.split(separator: "\n").filter { $0.hasPrefix("data: [") }
        #expect(data == ["data: [{\"n\":1}]", "data: [{\"n\":2}]"])
        #expect(
            text.contains("event: control\ndata: {\"streamNextOffset\":\"0000000001_1700000000000_0000000000000002\""))
        #expect(text.contains("\"upToDate\":true}\nid: 0000000001_1700000000000_0000000000000002\n\n"))
        #expect(head[header: "Cache-Control"] == "no-store, no-transform" && head[header: "X-Accel-Buffering"] == "no")
        #expect(try edge.metric("held") == 0)
    }

    @Test("a channel without readers is dropped after a while")
    func linger() throws {
        try edge.adopt { $0.channelLinger = 100 }
        _ = try edge.client().get(Self.channel)
        #expect(try edge.on { $0.source.subscribed } == ["thread:1"])
        try eventually(within: 5, "nothing is watched") { try edge.on { $0.source.subscribed.isEmpty } }
        #expect(try edge.metric("channels") == 0)
    }

    @Test("at the limit of channels an idle one is dropped; if none is idle the answer is 503")
    func manyChannels() throws {
        try edge.adopt { $0.maxChannels = 2 }
        for number in 1...5 { #expect(try client.get("/v1/channels/thread:\(number)").status == 200) }
        let waiting = edge.client()
        try waiting.send(raw: "GET /v1/poll?c=thread:8@now&c=thread:9@now HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        #expect(try client.get("/v1/channels/thread:1").status == 503)
    }
}
