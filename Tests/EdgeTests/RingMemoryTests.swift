import TestSupport
import Testing

@testable import Edge

@Suite("The memory of all rings together")
struct RingMemoryTests {
    private static func event(_ number: Int, size: Int) -> String {
        "\"\(number) " + String(repeating: "x", count: size) + "\""
    }

    @Test("the largest rings are shortened until all fit, and small ones stay as they are")
    func level() {
        #expect(RingBudget.level(of: [], target: 10) == Int.max)
        #expect(RingBudget.level(of: [1, 2, 3], target: 6) == Int.max)
        #expect(RingBudget.level(of: [100, 1, 50], target: 61) == 30)
        #expect(RingBudget.level(of: [100, 100], target: 0) == 0)
        var random = SplitMix64()
        for _ in 0..<500 {
            let sizes = (0..<Int.random(in: 1...20, using: &random)).map { _ in Int.random(in: 0...999, using: &random)
            }
            let target = Int.random(in: 0...9999, using: &random)
            let level = RingBudget.level(of: sizes, target: target)
            let total = sizes.reduce(0) { $0 + min($1, level) }
            #expect(total <= target, "seed \(random.seed)")
            // No more than necessary is freed, except for the remainder of a division.
            if level < Int.max { #expect(total > target - sizes.count, "seed \(random.seed)") }
        }
    }

    @Test("the budget is charged for a ring, and released with it")
    func budget() {
        let budget = RingBudget()
        var limits = EdgeLimits()
        limits.ringEvents = 5
        var ring: Ring? = Ring(limits: limits, budget: budget)
        ring?.replace(with: .sample(1...3))
        #expect(budget.bytes == 3 + 3 * RingBudget.entryOverhead)
        let batch = ring?.batch(after: 0)
        // The body and the response cached with it.
        #expect(batch?.cost == 7 + 7 + 512)
        #expect(budget.bytes == 3 + 3 * RingBudget.entryOverhead + 7 + 7 + 512)
        for sequence in Int64(4)...9 { _ = ring?.offer(sequence, [0x31, 0x32]) }
        #expect(budget.bytes == 10 + 5 * RingBudget.entryOverhead)
        #expect(ring?.shorten(to: 2 * RingBudget.entryOverhead + 4) == true)
        #expect(ring?.count == 2 && ring?.floor == 7 && budget.bytes == 4 + 2 * RingBudget.entryOverhead)
        #expect(ring?.shorten(to: 0) == true && ring?.count == 1, "the newest stays")
        #expect(ring?.shorten(to: 0) == false)
        ring = nil
        #expect(budget.bytes == 0)
    }

    @Test("beyond the limit idle channels are dropped, then the largest rings shortened, and no reader loses an event")
    func limit() throws {
        let total = 200_000
        let edge = try EdgeHarness { $0.limits.ringBytesTotal = total }
        defer { try? edge.stop() }
        let client = edge.client()
        // Read once, then idle.
        for channel in 1...3 {
            for number in 1...10 { try edge.publish(Self.event(number, size: 4000), to: "thread:\(channel)") }
            #expect(try client.get("/v1/channels/thread:\(channel)").json.array?.count == 10)
        }
        // Two with readers: a large one and a small one.
        let reader = edge.client()
        try reader.send(raw: "GET /v1/poll?c=forum:large@now&c=forum:small@now HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.publish("\"s1\"", to: "forum:small")
        _ = try reader.readResponse()
        try reader.send(raw: "GET /v1/poll?c=post:x@now HTTP/1.1\r\nHost: a\r\n\r\n")
        let watchers = ["large", "small"].map { TestEventSource("/v1/events?c=forum:\($0)@-1") { edge.port } }
        try edge.waitForHeld(3)
        for number in 1...40 { try edge.publish(Self.event(number, size: 8000), to: "forum:large") }
        try eventually("there is room") { try edge.metric("ring_bytes") ?? Int.max <= total }
        #expect(try edge.metric("rings_evicted_total") ?? 0 >= 1)
        #expect(try edge.metric("rings_shortened_total") ?? 0 >= 1)
        #expect(try edge.on { $0.source.subscribed }.isSuperset(of: ["forum:large", "forum:small", "post:x"]))
        #expect(try edge.on { $0.source.subscribed }.isDisjoint(with: ["thread:1", "thread:2"]))
        // What the ring dropped is read from the feed.
        try eventually { try watchers[0].collected("forum:large").events.count >= 40 }
        #expect(try client.get("/v1/channels/forum:large").json.array?.count == 40)
        #expect(try client.get("/v1/channels/forum:small").text == "[\"s1\"]")
        #expect(try watchers[0].collected("forum:large").resets == 0)
        for watcher in watchers { try watcher.stop() }
    }
}
