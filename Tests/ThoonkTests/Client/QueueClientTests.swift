import TestSupport
import Testing
import Thoonk

@Suite("a Thoonk queue")
struct QueueClientTests {
    private let world: ThoonkWorld
    private let queue: Queue

    init() throws {
        world = try ThoonkWorld()
        queue = world.client.queue("mail")
    }

    @Test("each item is delivered once, oldest first, priority items before")
    func order() async throws {
        try await queue.put("1")
        try await queue.put(all: ["2", "3"])
        try await queue.put(all: ["a", "b"], priority: true)
        #expect(try await queue.count() == 5)
        #expect(try await queue.get()?.text == "a")
        #expect(try await queue.get(upTo: 3).map(\.text) == ["b", "1", "2"])
        #expect(try await queue.get(upTo: 3, timeout: .zero).map(\.text) == ["3"])
        #expect(try await queue.get(timeout: .zero) == nil)
        #expect(try world.keys() == ["feed.config:mail", "feed.publishes:mail", "feeds"])
    }

    @Test("an id without an item is skipped")
    func torn() async throws {
        try await queue.put("1")
        try world.server.cli("RPUSH", "feed.ids:mail", "torn")
        #expect(try await queue.get(timeout: .zero)?.text == "1")
        #expect(try await queue.count() == 0)
    }

    @Test("the same put again changes nothing while the item waits")
    func again() async throws {
        #expect(try await queue.put("1", id: "x") == "x")
        try await queue.put("other", id: "x")
        #expect(try await queue.ids() == ["x"])
        #expect(try await queue.get()?.text == "1")
    }

    @Test("a waiting get receives what is put later; one that times out receives nothing")
    func waits() async throws {
        async let item = queue.get(timeout: .seconds(20))
        #expect(try await queue.get(timeout: .milliseconds(60)) == nil)
        try await world.another().queue("mail").put("late")
        #expect(try await item?.text == "late")
    }

    @Test("a queue and a job feed of the same name, and two spellings of a name, are waited for separately")
    func names() async throws {
        async let first = queue.get(timeout: .seconds(20))
        async let second = world.client.job("mail").get(timeout: .milliseconds(300))
        async let composed = world.client.queue("caf\u{e9}").get(timeout: .seconds(20))
        async let decomposed = world.client.queue("cafe\u{301}").get(timeout: .seconds(20))
        let other = try world.another()
        try await other.queue("cafe\u{301}").put("decomposed")
        try await other.queue("caf\u{e9}").put("composed")
        #expect(try await composed?.text == "composed")
        #expect(try await decomposed?.text == "decomposed")
        #expect(try await second == nil)
        try await other.queue("mail").put("x")
        #expect(try await first?.text == "x")
    }
}
