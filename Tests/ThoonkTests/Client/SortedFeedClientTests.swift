import TestSupport
import Testing
import Thoonk

@Suite("a Thoonk sorted feed")
struct SortedFeedClientTests {
    private let world: ThoonkWorld
    private let feed: SortedFeed

    init() throws {
        world = try ThoonkWorld()
        feed = world.client.sortedFeed("todo")
    }

    @Test("items stand where they were put and go where they are moved")
    func places() async throws {
        #expect(try await feed.append("b") == "1")
        #expect(try await feed.prepend("a") == "2")
        #expect(try await feed.publish("c", at: .after("1")) == "3")
        #expect(try await feed.publish("d", at: .before("3")) == "4")
        #expect(try await feed.ids() == ["2", "1", "4", "3"])
        #expect(try await feed.publish(all: ["x", "y"], at: .first) == ["5", "6"])
        #expect(try await feed.ids() == ["5", "6", "2", "1", "4", "3"])
        try await feed.move("3", to: .first)
        try await feed.move("5", to: .last)
        try await feed.move("1", to: .before("6"))
        try await feed.move("2", to: .after("4"))
        #expect(try await feed.ids() == ["3", "1", "6", "4", "2", "5"])
        try await feed.edit("1", "beta")
        #expect(try await feed.all().map(\.text) == ["c", "beta", "y", "d", "a", "x"])
        #expect(try await feed.retract("6"))
        #expect(try await !feed.retract("6"))
        #expect(try await feed.count() == 5)
    }

    @Test("a missing neighbour is an error that takes no id and changes nothing")
    func missing() async throws {
        try await feed.append("a")
        let before = try world.keys()
        #expect(await code { try await feed.publish("b", at: .before("9")) } == .noItem)
        #expect(await code { try await feed.publish("b", at: .after("")) } == .noItem)
        #expect(await code { try await feed.move("1", to: .after("9")) } == .noItem)
        #expect(await code { try await feed.move("9", to: .first) } == .noItem)
        #expect(await code { try await feed.edit("9", "x") } == .noItem)
        #expect(await code { try await feed.move("1", to: .before("1")) } == .invalid)
        #expect(try world.keys() == before)
        #expect(try await feed.append("b") == "2")
        #expect(try await feed.ids() == ["1", "2"])
    }
}
