import Testing

@testable import Thoonk

@Suite("the parts of a stream of events")
struct EventPartsTests {
    private func event(_ number: Int) -> FeedEvent { .retracted(feed: "f", id: "\(number)") }

    private func drained(_ buffer: inout EventBuffer) -> [FeedEvent] {
        var events: [FeedEvent] = []
        while let event = buffer.popFirst() { events.append(event) }
        return events
    }

    @Test("an announcement is split at its first NUL; anything else is ignored")
    func parse() {
        let cases: [(String, String, FeedEvent?)] = [
            ("newfeed", "a:b\0inst", .created(feed: "a:b")),
            ("delfeed", "a\0inst", .deleted(feed: "a")),
            ("conffeed", "a\0inst", .configured(feed: "a")),
            ("feed.publish:a:b", "1\0x\0y", .published(feed: "a:b", id: "1", item: Array("x\0y".utf8))),
            ("feed.publish:a", "1\0", .published(feed: "a", id: "1", item: [])),
            ("feed.publish:a", "1", nil),
            ("feed.publish:", "1\0x", .published(feed: "", id: "1", item: Array("x".utf8))),
            ("feed.edit:a", "1\0x", .edited(feed: "a", id: "1", item: Array("x".utf8))),
            ("feed.retract:a", "1", .retracted(feed: "a", id: "1")),
            ("feed.retract:a", "", .retracted(feed: "a", id: "")),
            ("feed.position:a", "1\0:end", .moved(feed: "a", id: "1", position: .last)),
            ("feed.position:a", "1\0begin:", .moved(feed: "a", id: "1", position: .first)),
            ("feed.position:a", "1\0:7", .moved(feed: "a", id: "1", position: .before("7"))),
            ("feed.position:a", "1\u{0}7:", .moved(feed: "a", id: "1", position: .after("7"))),
            ("feed.position:a", "1\u{0}7", nil),
            ("job.finish:a", "1\0ok", .finished(feed: "a", id: "1", result: Array("ok".utf8))),
            ("feed.claimed:a", "1", nil),
            ("", "", nil),
        ]
        for (channel, payload, expected) in cases {
            #expect(FeedEvent(channel: channel, payload: Array(payload.utf8)) == expected, "\(channel)")
        }
    }

    @Test("a full buffer drops new events, and reports in their place how many")
    func full() {
        var buffer = EventBuffer(limit: 2)
        for number in 1...5 { buffer.append(event(number)) }
        #expect(buffer.popFirst() == event(1))
        buffer.append(event(6))
        #expect(drained(&buffer) == [event(2), .missed(.tooSlow(dropped: 3)), event(6)])
        for number in 1...3 { buffer.append(event(number)) }
        #expect(drained(&buffer) == [event(1), event(2), .missed(.tooSlow(dropped: 1))])
    }

    @Test("a lost connection is noted once at its place, also in a full buffer")
    func reconnected() {
        var buffer = EventBuffer(limit: 1)
        buffer.append(event(1))
        buffer.append(event(2))
        buffer.appendReconnected()
        buffer.appendReconnected()
        #expect(drained(&buffer) == [event(1), .missed(.tooSlow(dropped: 1)), .missed(.reconnected)])
        #expect(buffer.popFirst() == nil)
    }

    @Test("a buffer keeps its order over many thousands")
    func long() {
        var buffer = EventBuffer(limit: 5000)
        var next = 0
        for round in 0..<20 {
            for number in 0..<500 { buffer.append(event(round * 500 + number)) }
            for _ in 0..<(round < 10 ? 100 : 800) where next < 10_000 {
                guard let popped = buffer.popFirst() else { break }
                #expect(popped == event(next))
                next += 1
            }
        }
        #expect(drained(&buffer).count == 10_000 - next)
    }

    @Test("a stream begins when all its topics are confirmed; when they are confirmed again, it has missed events")
    func subscriptions() {
        let a = EventTopic(name: [1], isPattern: false)
        let b = EventTopic(name: [1], isPattern: true)
        var subscriptions = Subscriptions()
        #expect(subscriptions.subscribe(1, [a, b]) == [.subscribe(a), .subscribe(b)])
        #expect(subscriptions.confirmed(a) == [])
        #expect(subscriptions.confirmed(b) == [.begin(1)])
        // The topics of the second one are confirmed already.
        #expect(subscriptions.subscribe(2, [a]) == [.begin(2)])
        subscriptions.lost(a)
        subscriptions.lost(b)
        #expect(subscriptions.confirmed(b) == [])
        #expect(subscriptions.confirmed(a) == [.missed(1), .missed(2)])
        // Confirmed twice without a loss in between: nothing was missed.
        #expect(subscriptions.confirmed(a) == [])
        #expect(subscriptions.unsubscribe(1) == [.unsubscribe(b)])
        #expect(subscriptions.unsubscribe(1) == [])
        #expect(subscriptions.confirmed(b) == [])
        #expect(subscriptions.unsubscribe(2) == [.unsubscribe(a)])
        #expect(subscriptions.subscribe(3, [a]) == [.subscribe(a)])
    }

    @Test("a stream that loses its connection before it has begun begins later, and has missed nothing")
    func early() {
        let a = EventTopic(name: [1], isPattern: false)
        var subscriptions = Subscriptions()
        _ = subscriptions.subscribe(1, [a])
        subscriptions.lost(a)
        #expect(subscriptions.confirmed(a) == [.begin(1)])
    }
}
