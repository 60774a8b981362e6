import TestSupport
import Testing
import Thoonk

/// Every verb of a sorted feed, done by both sides and read by both.
@Suite("a sorted feed shared with thoonk.py")
struct SortedFeedInteropTests {
    private let world: InteropWorld
    private let feed: SortedFeed
    private let python: PythonThoonkClient

    init() throws {
        world = try InteropWorld()
        feed = world.client.sortedFeed("todo")
        python = try world.python.client()
    }

    private enum Verb: CaseIterable {
        case append, prepend, before, after, edit, first, last, moveBefore, moveAfter, retract
    }

    @discardableResult
    private func ask(_ verb: String, _ arguments: String...) throws -> ParsedJSON {
        switch arguments.count {
        case 0: try python.call("sorted_feed", "todo", verb)
        case 1: try python.call("sorted_feed", "todo", verb, .string(arguments[0]))
        default: try python.call("sorted_feed", "todo", verb, .string(arguments[0]), .string(arguments[1]))
        }
    }

    private func swift(_ verb: Verb, _ id: String, _ other: String, _ item: String) async throws -> String {
        switch verb {
        case .append: return try await feed.append(item)
        case .prepend: return try await feed.prepend(item)
        case .before: return try await feed.publish(item, at: .before(other))
        case .after: return try await feed.publish(item, at: .after(other))
        case .edit: try await feed.edit(id, item)
        case .first: try await feed.move(id, to: .first)
        case .last: try await feed.move(id, to: .last)
        case .moveBefore: try await feed.move(id, to: .before(other))
        case .moveAfter: try await feed.move(id, to: .after(other))
        case .retract: #expect(try await feed.retract(id))
        }
        return id
    }

    private func thoonk(_ verb: Verb, _ id: String, _ other: String, _ item: String) throws -> String {
        let answer =
            switch verb {
            case .append: try ask("append", item)
            case .prepend: try ask("prepend", item)
            case .before: try ask("publish_before", other, item)
            case .after: try ask("publish_after", other, item)
            case .edit: try ask("edit", id, item)
            case .first: try ask("move_first", id)
            case .last: try ask("move_last", id)
            case .moveBefore: try ask("move_before", other, id)
            case .moveAfter: try ask("move_after", other, id)
            case .retract: try ask("retract", id)
            }
        return answer.integer.map(String.init) ?? id
    }

    /// What a verb does to the order of ids.
    private func apply(_ verb: Verb, _ id: String, _ other: String, to ids: inout [String]) {
        if verb != .edit { ids.removeAll { $0 == id } }
        let place = ids.firstIndex(of: other) ?? 0
        switch verb {
        case .append, .last: ids.append(id)
        case .prepend, .first: ids.insert(id, at: 0)
        case .before, .moveBefore: ids.insert(id, at: place)
        case .after, .moveAfter: ids.insert(id, at: place + 1)
        case .edit, .retract: break
        }
    }

    @Test("each verb by each side puts items where the other finds them")
    func verbs() async throws {
        var random = SplitMix64()
        let comment: Comment = "seed \(random.seed)"
        var ids: [String] = []
        var items: [String: String] = [:]
        for number in 1...4 {
            let id = try await feed.append("first \(number)")
            ids.append(id)
            items[id] = "first \(number)"
        }
        for round in 0..<6 {
            for verb in Verb.allCases.shuffled(using: &random) {
                for isSwift in [true, false] {
                    let pair = ids.shuffled(using: &random)
                    let item = "\(verb) ä\0☃ \(round)"
                    let id =
                        isSwift
                        ? try await swift(verb, pair[0], pair[1], item) : try thoonk(verb, pair[0], pair[1], item)
                    apply(verb, id, pair[1], to: &ids)
                    if [.append, .prepend, .before, .after, .edit].contains(verb) { items[id] = item }
                    if verb == .retract { items[id] = nil }
                    #expect(try await feed.ids() == ids, comment)
                    #expect(try await feed.all().map(\.text) == ids.map { items[$0] ?? "" }, comment)
                    #expect(try ask("get_ids").strings == ids, comment)
                    #expect(try ask("get_items").object == items.mapValues(ParsedJSON.string), comment)
                    #expect(
                        try ask("get_item", id) == items[id].map(ParsedJSON.string) ?? .null, comment)
                }
            }
        }
        // Ids are counted up, whoever takes one.
        #expect(try world.server.cli("GET", "feed.idincr:todo") == "\(4 + 6 * 8)", comment)
    }

    /// thoonk.py says nothing when the neighbour is missing, has taken an id then, and gives it out as if it were used.
    @Test("an id that thoonk.py has wasted on a missing neighbour is a gap, and nothing more")
    func wasted() async throws {
        #expect(try await feed.append("a") == "1")
        #expect(try ask("publish_after", "9", "b").integer == 2)
        #expect(try await feed.ids() == ["1"])
        #expect(try await feed.item("2") == nil)
        #expect(await code { try await feed.publish("c", at: .after("2")) } == .noItem)
        #expect(try await feed.append("d") == "3")
        #expect(try ask("get_ids").strings == ["1", "3"])
    }

    /// thoonk.py moves an item beside itself by taking it out of the list: it has content and no place then.
    @Test("an item that thoonk.py has lost the place of can still be moved and retracted")
    func lost() async throws {
        for item in ["a", "b", "c"] { try await feed.append(item) }
        try ask("move_before", "2", "2")
        #expect(try await feed.ids() == ["1", "3"])
        #expect(await code { try await feed.publish("x", at: .before("2")) } == .noItem)
        try await feed.move("2", to: .after("1"))
        #expect(try ask("get_ids").strings == ["1", "2", "3"])
        try ask("move_before", "2", "2")
        #expect(try await feed.retract("2"))
        #expect(try ask("get_items").object?.keys.sorted() == ["1", "3"])
    }
}
