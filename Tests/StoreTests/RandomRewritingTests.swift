import JSON
import TestSupport
import Testing

@testable import Store

/// Random creations, edits and deletions by random senders, beside a model in Swift.
@Suite("random changes of comments")
struct RandomRewritingTests {
    /// What the server should hold.
    private struct Model {
        struct Comment {
            var number: Int
            var kind: String
            var owner: String
            var channels: [String]
            /// For each channel the number of its item and of its latest change.
            var places: [String: (first: Int, latest: Int?)] = [:]
        }

        var history: Int
        var comments: [String: Comment] = [:]
        var feeds: [String: [Int: CommentPublisher.Change]] = [:]
        var last: [String: Int] = [:]
        var drops: [String: Int64] = [:]
        var emitted: Int64 = 0

        private func mayChange(_ sender: Sender, _ owner: String) -> Bool {
            sender.isApp || sender.isModerator || sender.owner == owner
        }

        private func refusal(_ change: CommentPublisher.Change, _ sender: Sender) -> String? {
            let known = comments[change.id]
            if let known, change.number < known.number { return "superseded" }
            if known != nil || change.kind != "created", !mayChange(sender, known?.owner ?? "app") {
                return "not-yours"
            }
            return change.channels.isEmpty && (known?.channels ?? []).isEmpty ? "no_channel" : nil
        }

        mutating func publish(_ batch: [CommentPublisher.Change]) throws {
            var appended: [String: [CommentPublisher.Change]] = [:]
            for change in batch {
                let sender = try #require(Sender(change.by))
                if let reason = refusal(change, sender) {
                    drops[reason, default: 0] += 1
                    continue
                }
                let known = comments[change.id]
                let channels = change.channels + (known?.channels ?? []).filter { !change.channels.contains($0) }
                comments[change.id] = Comment(
                    number: change.number, kind: change.kind,
                    owner: change.kind == "created" ? sender.owner : known?.owner ?? "app", channels: channels,
                    places: known?.places ?? [:])
                for channel in channels { appended[channel, default: []].append(change) }
            }
            for (channel, changes) in appended { append(changes, to: channel) }
        }

        private mutating func append(_ changes: [CommentPublisher.Change], to channel: String) {
            var items = feeds[channel, default: [:]]
            let before = last[channel, default: 0]
            for (offset, change) in changes.enumerated() { items[before + offset + 1] = change }
            let end = before + changes.count
            last[channel] = end
            emitted += Int64(changes.count)
            items = items.filter { $0.key > end - history }
            for (offset, change) in changes.enumerated() {
                let number = before + offset + 1
                guard var place = comments[change.id]?.places[channel] else {
                    comments[change.id]?.places[channel] = (number, nil)
                    continue
                }
                if let latest = place.latest { items[latest] = nil }
                if items[place.first] != nil {
                    items[place.first] = change
                    place.latest = number
                } else {
                    place = (number, nil)
                }
                comments[change.id]?.places[channel] = place
            }
            feeds[channel] = items
        }
    }

    private static let channels = ["thread:1", "forum:a", "forum:b", "user:1", "user:2", "x y"]
    private static let senders = ["app", "u:1", "u:2", "u:a b", "m:9", "k:AAAAAAAAAAAAAAAAAAAAAA"]

    @Test(
        "histories, records and counters are those of the model, and no replaced text stands anywhere",
        arguments: 0..<8)
    func model(_ run: Int) throws {
        var random = SplitMix64()
        let seed = random.seed
        let publisher = try CommentPublisher()
        publisher.history = [3, 6, 100].randomElement(using: &random)!
        var model = Model(history: publisher.history)
        var (number, late): (Int, [Int]) = (0, [])
        for step in 0..<40 {
            var batch: [CommentPublisher.Change] = []
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                number += 1
                if Int.random(in: 0..<5, using: &random) == 0 {
                    late.append(number)
                    number += 1
                }
                var version = number
                if !late.isEmpty, Int.random(in: 0..<6, using: &random) == 0 {
                    version = late.remove(at: Int.random(in: late.indices, using: &random))
                }
                let kind = ["created", "created", "edited", "edited", "deleted"].randomElement(using: &random)!
                var channels = Array(
                    Self.channels.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
                if kind == "deleted", Bool.random(using: &random) { channels = [] }
                batch.append(
                    CommentPublisher.Change(
                        kind: kind, number: version, id: "c\(Int.random(in: 1...6, using: &random))",
                        by: Self.senders.randomElement(using: &random)!, channels: channels,
                        text: kind == "deleted" ? "" : "MARK\(version).", isPlain: Bool.random(using: &random)))
            }
            try publisher.publish(batch)
            try model.publish(batch)
            try compare(publisher, model, "seed \(seed), step \(step)")
        }
        // Nothing of a comment is left that is not its newest content.
        let stored = try publisher.everything()
        let marks = Set(stored.matches(of: /MARK\d+\./).map { String($0.output) })
        let visible = Set(model.feeds.values.flatMap { $0.values.map(\.text) }).subtracting([""])
        #expect(marks == visible, "seed \(seed)")
        for change in model.feeds.values.flatMap(\.values) {
            #expect(model.comments[change.id]?.number == change.number, "seed \(seed)")
        }
    }

    private func compare(_ publisher: CommentPublisher, _ model: Model, _ place: String) throws {
        for channel in Self.channels {
            let items = try publisher.rawItems(channel)
            let expected = model.feeds[channel, default: [:]].sorted { $0.key < $1.key }
            #expect(items.map(\.number) == expected.map(\.key), "\(place), \(channel)")
            #expect(items.map(\.event) == expected.map(\.value.event), "\(place), \(channel)")
        }
        for (id, comment) in model.comments {
            let words = try #require(try publisher.record(id), "\(place)").split(separator: " ", maxSplits: 3)
            let owner = comment.owner.replacing(" ", with: #"\u0020"#)
            #expect(words.prefix(3) == ["7-\(comment.number)-0", comment.kind[...], owner[...]], "\(place), \(id)")
            for (channel, at) in comment.places {
                let numbers = "-\(at.first)" + (at.latest.map { "-\($0)" } ?? "")
                #expect(
                    words.last?.contains("{\(channel)}\(try publisher.born(channel))\(numbers)") == true,
                    "\(place), \(id): \(words), expected \(channel) \(numbers)")
            }
        }
        #expect(try publisher.library.imbalance() == 0, "\(place)")
        #expect(try publisher.counters("emitted") == [model.emitted], "\(place)")
        for reason in ["superseded", "not-yours", "no_channel"] {
            #expect(try publisher.counters("dropped:\(reason)") == [model.drops[reason, default: 0]], "\(place)")
        }
    }
}
