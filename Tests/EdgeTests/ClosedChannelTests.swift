import Foundation
import TestSupport
import Testing

@testable import Edge

@Suite("Channels of closed conversations")
final class ClosedChannelTests {
    private static let channel = "/v1/channels/thread:1"
    private static let created = #"{"thread":"1","id":"c","type":"comment.created","html":"one"}"#
    private static let edited = #"{"thread":"1","id":"c","type":"comment.edited","html":"two"}"#
    private static let closed = #"{"thread":"1","type":"thread.closed"}"#
    private static let opened = #"{"thread":"1","type":"thread.opened"}"#

    private let edge: EdgeHarness
    private let client: HTTPClient

    init() throws {
        edge = try EdgeHarness()
        client = edge.client()
    }

    deinit {
        try? edge.stop()
    }

    private func publish(_ events: String...) throws {
        for event in events { try edge.publish(event, to: "thread:1") }
    }

    private func longPoll(_ offset: String, timeout: Int = 20) throws {
        try client.send(
            raw: "GET \(Self.channel)?offset=\(offset)&live=long-poll&timeout=\(timeout) HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    @Test("a reader that reaches the end is told, with the last events, at the end and by HEAD; one before it is not")
    func catchUp() throws {
        try publish(Self.created)
        let open = try client.get(Self.channel)
        #expect(open[header: "Stream-Closed"] == nil)
        try publish(Self.closed)
        let all = try client.get(Self.channel)
        #expect(all.text == "[\(Self.created),\(Self.closed)]" && all[header: "Stream-Closed"] == "true")
        #expect(all[header: "Access-Control-Expose-Headers"]?.contains("Stream-Closed") == true)
        let tail = try #require(all[header: "Stream-Next-Offset"])
        for offset in [tail, "now"] {
            let none = try client.get(Self.channel + "?offset=" + offset)
            #expect(none.status == 200 && none.text == "[]" && none[header: "Stream-Closed"] == "true")
            #expect(none[header: "Stream-Up-To-Date"] == "true")
        }
        let head = try client.request("HEAD", Self.channel)
        #expect(head[header: "Stream-Closed"] == "true")
        let second = tail.dropLast() + "1"
        let rest = try client.get(Self.channel + "?offset=" + second)
        #expect(rest.text == "[\(Self.closed)]" && rest[header: "Stream-Closed"] == "true")
    }

    /// An edge whose answers hold one event.
    private static func sparing() throws -> EdgeHarness { try EdgeHarness { $0.limits.answerBytes = 20 } }

    @Test("a part that does not reach the end of a closed channel does not say that it is closed")
    func part() throws {
        let edge = try Self.sparing()
        defer { try? edge.stop() }
        for event in [Self.created, Self.closed] { try edge.publish(event, to: "thread:1") }
        let part = try edge.client().get(Self.channel)
        #expect(part.text == "[\(Self.created)]")
        #expect(part[header: "Stream-Up-To-Date"] == nil && part[header: "Stream-Closed"] == nil)
        let poll = try edge.client().get("/v1/poll?c=thread:1@-1").json["channels"]?["thread:1"]
        #expect(poll?["events"]?.array?.count == 1 && poll?["closed"] == nil)
    }

    @Test("a waiting reader gets the closing as an event and is told; one that asks from now is told at once")
    func longPolls() throws {
        try publish(Self.created)
        try longPoll("now")
        try edge.waitForHeld(1)
        try publish(Self.closed)
        let told = try client.readResponse()
        #expect(told.status == 200 && told.text == "[\(Self.closed)]" && told[header: "Stream-Closed"] == "true")
        try longPoll("now", timeout: 55)
        let start = Date()
        let now = try client.readResponse()
        #expect(now.status == 204 && now[header: "Stream-Closed"] == "true")
        #expect(now[header: "Stream-Up-To-Date"] == "true" && now[header: "Stream-Cursor"] != nil)
        #expect(now[header: "Stream-Next-Offset"] == told[header: "Stream-Next-Offset"])
        #expect(Date().timeIntervalSince(start) < 20)
    }

    @Test("a reader that comes back although it was told is held, and gets edits and the opening")
    func goesOn() throws {
        try publish(Self.created, Self.closed)
        var offset = try #require(try client.get(Self.channel)[header: "Stream-Next-Offset"])
        try longPoll(offset, timeout: 1)
        let none = try client.readResponse()
        #expect(none.status == 204 && none[header: "Stream-Closed"] == "true")
        let (edited, opened, closed) = (Self.edited, Self.opened, Self.closed)
        for (event, isClosed) in [(edited, true), (opened, false), (edited, false), (closed, true)] {
            try longPoll(offset)
            try edge.waitForHeld(1)
            try publish(event)
            let answer = try client.readResponse()
            #expect(answer.text == "[\(event)]" && (answer[header: "Stream-Closed"] == "true") == isClosed)
            offset = try #require(answer[header: "Stream-Next-Offset"])
        }
        try publish(Self.opened)
        #expect(try client.get(Self.channel + "?offset=now")[header: "Stream-Closed"] == nil)
    }

    @Test("only the conversation's own channel is closed, and only by its own events")
    func others() throws {
        for channel in ["forum:1", "thread:12", "thread:2"] {
            try edge.publish(Self.closed, to: channel)
            let answer = try client.get("/v1/channels/\(channel)")
            #expect(answer.text == "[\(Self.closed)]" && answer[header: "Stream-Closed"] == nil, "\(channel)")
        }
    }

    @Test("the history says that a channel is closed whose closing it no longer has; an event that it has counts more")
    func fromHistory() throws {
        try edge.on { $0.source.closed = ["thread:1"] }
        try publish(Self.edited)
        #expect(try client.get(Self.channel)[header: "Stream-Closed"] == "true")
        try publish(Self.opened)
        #expect(try client.get(Self.channel)[header: "Stream-Closed"] == nil)
        try edge.on { world in
            world.source.breakLink()
            world.source.mendLink()
        }
        #expect(try client.get(Self.channel)[header: "Stream-Closed"] == nil)
    }

    @Test("an ETag from before the closing does not hide it")
    func entityTags() throws {
        try publish(Self.created)
        let open = try client.get(Self.channel)
        let tag = try #require(open[header: "ETag"])
        #expect(try client.get(Self.channel, headers: ["If-None-Match": tag]).status == 304)
        // Another edge has the same events, and knows that the conversation was closed.
        let other = try EdgeHarness()
        defer { try? other.stop() }
        try other.on { $0.source.closed = ["thread:1"] }
        try other.publish(Self.created, to: "thread:1")
        let closed = try other.client().get(Self.channel, headers: ["If-None-Match": tag])
        #expect(closed.status == 200 && closed.text == open.text && closed[header: "Stream-Closed"] == "true")
        let closedTag = ["If-None-Match": try #require(closed[header: "ETag"])]
        let same = try other.client().get(Self.channel, headers: closedTag)
        #expect(same.status == 304 && same[header: "Stream-Closed"] == "true")
    }

    @Test("an ETag of a part does not hide that a comment in it was edited")
    func entityTagOfPart() throws {
        let edge = try Self.sparing()
        defer { try? edge.stop() }
        let client = edge.client()
        for event in [Self.created, Self.closed] { try edge.publish(event, to: "thread:1") }
        let part = try client.get(Self.channel)
        #expect(part.text == "[\(Self.created)]" && part[header: "Stream-Up-To-Date"] == nil)
        let partTag = ["If-None-Match": try #require(part[header: "ETag"])]
        #expect(try client.get(Self.channel, headers: partTag).status == 304)
        try edge.publish(Self.edited, to: "thread:1")
        let again = try client.get(Self.channel, headers: partTag)
        #expect(again.status == 200 && again.text == "[\(Self.edited)]")
    }

    @Test("a stream ends when it has told its reader, who may come back and then stays")
    func serverSentEvents() throws {
        try publish(Self.created)
        try client.send(raw: "GET \(Self.channel)?offset=-1&live=sse HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try publish(Self.closed)
        _ = try client.readHead()
        let text = String(decoding: try client.readToEnd(), as: UTF8.self)
        #expect(text.contains("data: [\(Self.closed)]"))
        #expect(text.contains("\"upToDate\":true,\"streamClosed\":true}\nid: "))
        #expect(!text.contains("retry: 100"), "all would come back together")
        #expect(text.components(separatedBy: "streamClosed").count == 2)
        #expect(try edge.metric("held") == 0)

        // An EventSource comes back by itself, and gets all that follows on one connection.
        let harness = edge
        let source = TestEventSource("\(Self.channel)?offset=-1&live=sse") { harness.port }
        try eventually(within: 20, "it has come back") { try source.connections == 2 && harness.metric("held") == 1 }
        try publish(Self.edited, Self.opened)
        func got(_ event: String) -> Bool { source.events.contains { $0.type == "data" && $0.data.contains(event) } }
        try eventually(within: 20, "it gets both") { got(Self.edited) && got(Self.opened) }
        #expect(source.connections == 2)
        try source.stop()

        let now = edge.client()
        try publish(Self.closed)
        try now.send(raw: "GET \(Self.channel)?offset=now&live=sse HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try now.readHead()
        let only = String(decoding: try now.readToEnd(), as: UTF8.self)
        #expect(only.contains("\"streamClosed\":true") && !only.contains("event: data"))
    }

    @Test("a poll and a stream of many channels say which ones are closed, and are held as usual")
    func many() throws {
        try publish(Self.created, Self.closed)
        try edge.publish(Self.closed, to: "forum:1")
        let answer = try client.get("/v1/poll?c=thread:1@-1&c=forum:1@-1")
        let channels = try #require(try answer.json["channels"])
        #expect(channels["thread:1"]?["closed"]?.bool == true && channels["forum:1"]?["closed"] == nil)
        let next = try #require(channels["thread:1"]?["next"]?.string)
        try client.send(raw: "GET /v1/poll?c=thread:1@\(next)&timeout=20 HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try publish(Self.edited)
        #expect(try client.readResponse().json["channels"]?["thread:1"]?["closed"]?.bool == true)
        try publish(Self.opened)
        #expect(try client.get("/v1/poll?c=thread:1@-1").json["channels"]?["thread:1"]?["closed"] == nil)
    }
}
