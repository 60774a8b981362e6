import Redis
import TestSupport
import Testing

@testable import Store

/// Random comments, closings and openings of several conversations, in batches of random size, beside a model in Swift.
@Suite("random closings of conversations")
struct RandomClosingTests {
    private static let senders = ["app", "u:1", "u:2", "m:9"]

    /// What may be published, by the words of the contract.
    private struct Model {
        var closed: Set<String> = []
        /// The owner of each comment.
        var owners: [String: String] = [:]
        /// What each conversation's channel has published, as the numbers of the events.
        var published: [String: [Int64]] = [:]
        var drops: [String: Int64] = [:]

        mutating func publish(_ change: CommentPublisher.Change) throws {
            if let kind = ConversationChange.Kind(rawValue: change.kind) {
                if kind == .closed { closed.insert(change.thread) } else { closed.remove(change.thread) }
                return published[change.thread, default: []].append(Int64(change.number))
            }
            let sender = try #require(Sender(change.by))
            let comment = change.thread + "/" + change.id
            let owner = owners[comment]
            let isTrusted = sender.isApp || sender.isModerator
            let mayChange = isTrusted || owner.map { $0 == sender.owner } ?? (change.kind == "created")
            let isTaken =
                switch change.kind {
                case "deleted": true
                case "edited": isTrusted
                default: false
                }
            if !mayChange {
                drops["not-yours", default: 0] += 1
            } else if closed.contains(change.thread), !isTaken {
                drops["closed", default: 0] += 1
            } else {
                if change.kind == "created" { owners[comment] = sender.owner }
                // Of an unknown comment the app or a moderator says something: it is the app's.
                owners[comment] = owners[comment] ?? "app"
                published[change.thread, default: []].append(Int64(change.number))
            }
        }
    }

    @Test("what is published between a closing and an opening is what the contract allows", arguments: 0..<8)
    func random(_ round: UInt64) throws {
        var random = SplitMix64(seed: SplitMix64().seed &+ round)
        let seed = random.seed
        let publisher = try CommentPublisher()
        publisher.history = 10_000
        var model = Model()
        var number = 0
        for _ in 0..<40 {
            var batch: [CommentPublisher.Change] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                number += 1
                batch.append(Self.change(number, using: &random))
            }
            for change in batch { try model.publish(change) }
            try publisher.publish(batch)
            let closed = try publisher.library.redis.ask("HKEYS", "{t.0}:closed").array?.compactMap(\.text) ?? []
            #expect(Set(closed) == model.closed, "seed \(seed), before \(number)")
            for thread in model.published.keys {
                let field = try publisher.library.redis.ask("HGET", "feed.config:{thread:\(thread)}", "closed").text
                #expect((field == "1") == model.closed.contains(thread), "seed \(seed), before \(number): \(thread)")
            }
        }
        for (thread, numbers) in model.published {
            // Of a comment that was changed only the newest content is left: the numbers of the channel tell the rest.
            let last = try publisher.library.redis.ask("GET", "feed.publishes:{thread:\(thread)}").text
            #expect(last == String(numbers.count), "seed \(seed): \(thread)")
            let items = try publisher.items("thread:\(thread)")
            #expect(items.allSatisfy { numbers.contains($0[1]) && numbers[Int($0[0]) - 1] <= $0[1] }, "seed \(seed)")
        }
        #expect(
            try publisher.counters("dropped:closed", "dropped:not-yours")
                == [model.drops["closed"] ?? 0, model.drops["not-yours"] ?? 0], "seed \(seed)")
        #expect(try publisher.library.imbalance() == 0, "seed \(seed)")
        #expect(model.drops["closed"] ?? 0 > 0, "seed \(seed): nothing was closed")
    }

    private static func change(_ number: Int, using random: inout SplitMix64) -> CommentPublisher.Change {
        let thread = String(Int.random(in: 1...3, using: &random))
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return .conversation(.closed, number, thread: thread, "thread:\(thread)", "forum:m")
        case 1: return .conversation(.opened, number, thread: thread, "thread:\(thread)", "forum:m")
        case let pick:
            let kind = pick < 6 ? "created" : pick < 9 ? "edited" : "deleted"
            let isNew = kind == "created" && Bool.random(using: &random)
            let id = isNew ? "n\(number)" : "c\(Int.random(in: 1...6, using: &random))"
            return CommentPublisher.Change(
                kind: kind, number: number, id: id, thread: thread,
                by: senders.randomElement(using: &random) ?? "app", channels: ["thread:\(thread)", "forum:m"],
                isPlain: Bool.random(using: &random))
        }
    }
}
