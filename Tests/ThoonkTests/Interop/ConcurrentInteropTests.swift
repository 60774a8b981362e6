import TestSupport
import Testing
import Thoonk

/// Writers of both sides at once; what each of them does is drawn from a seed.
@Suite("Swift and thoonk.py at once")
struct ConcurrentInteropTests {
    private let world: InteropWorld
    private let seed = SplitMix64().seed
    private var client: ThoonkClient { world.client }
    private var comment: Comment { "seed \(seed)" }

    init() throws {
        world = try InteropWorld(options: ThoonkOptions(eventBuffer: 100_000))
    }

    /// Two writers of each side, every one with its own connection and its own random numbers.
    private func race(
        swift: @escaping @Sendable (ThoonkClient, inout SplitMix64) async throws -> Void,
        python: @escaping @Sendable (PythonThoonkClient, inout SplitMix64) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 as Range<UInt64> {
                let client = try ThoonkClient(redis: world.server.url)
                let thoonk = try world.python.client()
                let ours = SplitMix64(seed: seed &+ writer)
                let theirs = SplitMix64(seed: seed &+ 10 &+ writer)
                group.addTask {
                    var random = ours
                    try await swift(client, &random)
                    await client.close()
                }
                group.addTask {
                    try await onThread {
                        var random = theirs
                        try python(thoonk, &random)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// The events of the feed, from a stream that began before the feed was created.
    private func told(_ events: FeedEvents) async throws -> [FeedEvent] {
        try await client.feed("end").create(maxLength: nil)
        let told = await gather(events, until: "end")
        for case .missed(let reason) in told { Issue.record("events were missed: \(reason)") }
        return told
    }

    @Test("a feed of limited length keeps that length, and each item that came and went was announced")
    func feed() async throws {
        let events = try await client.events(of: ["f", "end"])
        let feed = client.feed("f")
        try await feed.create(maxLength: 20)
        try await race { client, random in
            let feed = client.feed("f")
            for number in 0..<150 {
                let id = Int.random(in: 0..<30, using: &random)
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5: try await feed.publish("s\(number)")
                case 5..<8: try await feed.publish("s\(number)", id: "shared \(id)")
                default: try await feed.retract("shared \(id)")
                }
            }
        } python: { python, random in
            for number in 0..<150 {
                let id = ParsedJSON.string("shared \(Int.random(in: 0..<30, using: &random))")
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5: try python.call("feed", "f", "publish", "p\(number)")
                case 5..<8: try python.call("feed", "f", "publish", "p\(number)", keywords: ["id": id])
                default: try python.call("feed", "f", "retract", id)
                }
            }
        }
        let ids = try await feed.ids()
        #expect(ids.count <= 20 && Set(ids).count == ids.count, comment)
        #expect(try world.server.cli("HLEN", "feed.items:f") == "\(ids.count)", comment)
        #expect(try await feed.all().map(\.id) == ids, comment)
        var tally: [String: Int] = [:]
        var puts = 0
        for event in try await told(events) {
            switch event {
            case .published(_, let id, _):
                tally[id, default: 0] += 1
                puts += 1
            case .retracted(_, let id): tally[id, default: 0] -= 1
            case .edited: puts += 1
            default: break
            }
        }
        #expect(try await feed.publishes() == puts, comment)
        #expect(Set(tally.filter { $0.value == 1 }.keys) == Set(ids), comment)
        #expect(tally.values.allSatisfy { $0 == 0 || $0 == 1 }, comment)
    }

    @Test("a sorted feed has each item at one place, and none without one")
    func sortedFeed() async throws {
        let events = try await client.events(of: ["s", "end"])
        let feed = client.sortedFeed("s")
        for number in 1...10 { try await feed.append("\(number)") }
        try await race { client, random in
            let feed = client.sortedFeed("s")
            for _ in 0..<100 {
                let ids = (try await feed.ids()).shuffled(using: &random)
                guard ids.count > 2 else { continue }
                // What was there a moment ago may be gone.
                do {
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0: try await feed.append("s")
                    case 1: try await feed.prepend("s")
                    case 2: try await feed.publish("s", at: .before(ids[0]))
                    case 3: try await feed.publish("s", at: .after(ids[0]))
                    case 4: try await feed.move(ids[1], to: .before(ids[0]))
                    case 5: try await feed.move(ids[1], to: .first)
                    case 6: try await feed.edit(ids[0], "S")
                    default: try await feed.retract(ids[0])
                    }
                } catch let error as ThoonkError where error.code == .noItem {}
            }
        } python: { python, random in
            for _ in 0..<100 {
                let ids = try python.call("sorted_feed", "s", "get_ids").strings.shuffled(using: &random)
                guard ids.count > 2 else { continue }
                let (id, other) = (ParsedJSON.string(ids[1]), ParsedJSON.string(ids[0]))
                switch Int.random(in: 0..<8, using: &random) {
                case 0: try python.call("sorted_feed", "s", "append", "p")
                case 1: try python.call("sorted_feed", "s", "prepend", "p")
                case 2: try python.call("sorted_feed", "s", "publish_before", other, "p")
                case 3: try python.call("sorted_feed", "s", "publish_after", other, "p")
                case 4: try python.call("sorted_feed", "s", "move_after", other, id)
                case 5: try python.call("sorted_feed", "s", "move_last", id)
                case 6: try python.call("sorted_feed", "s", "edit", id, "P")
                default: try python.call("sorted_feed", "s", "retract", id)
                }
            }
        }
        let ids = try await feed.ids()
        #expect(Set(ids).count == ids.count, comment)
        #expect(try world.server.cli("HLEN", "feed.items:s") == "\(ids.count)", comment)
        #expect(try await feed.all().map(\.id) == ids, comment)
        var standing: Set<String> = []
        for event in try await told(events) {
            switch event {
            case .moved(_, let id, _): standing.insert(id)
            case .retracted(_, let id): standing.remove(id)
            default: break
            }
        }
        #expect(standing == Set(ids), comment)
    }

    @Test("each item of a queue is got once")
    func queue() async throws {
        let count = 4 * 150
        let got = Tally()
        let queue = client.queue("q")
        try await queue.create()
        try await race { client, random in
            let queue = client.queue("q")
            for number in 0..<150 {
                try await queue.put("s \(random.seed) \(number)", priority: Bool.random(using: &random))
                if number % 5 != 0, let item = try await queue.get(timeout: .seconds(20)) { got.add(item.text) }
            }
        } python: { python, random in
            for number in 0..<150 {
                try python.call("queue", "q", "put", "p \(random.seed) \(number)")
                if Int.random(in: 0..<5, using: &random) > 0 {
                    got.add(try python.call("queue", "q", "get", 20).string ?? "")
                }
            }
        }
        while let item = try await queue.get(timeout: .zero) { got.add(item.text) }
        #expect(got.all.count == count, comment)
        #expect(got.all.values.allSatisfy { $0 == 1 }, comment)
        #expect(try world.server.cli("GET", "feed.publishes:q") == "\(count)", comment)
        #expect(try world.server.cli("EXISTS", "feed.items:q", "feed.ids:q") == "0", comment)
    }

    @Test("each job that both sides put, claim, cancel, stall, retry and finish is finished once")
    func job() async throws {
        let events = try await client.events(of: ["j", "end"])
        let count = 4 * 100
        let job = client.job("j")
        try await job.create()
        try await race { client, random in
            let job = client.job("j")
            for number in 0..<100 {
                try await job.put("s\(number)", priority: Bool.random(using: &random))
            }
            while try await job.counts().finishes < count {
                guard let claim = try await job.get(timeout: .milliseconds(200)) else { continue }
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<2: try await job.cancel(claim)
                case 2:
                    try await job.stall(claim)
                    try await job.retry(claim.id)
                default: try await job.finish(claim, result: claim.bytes)
                }
            }
        } python: { [server = world.server] python, random in
            for number in 0..<100 {
                try python.call(
                    "job", "j", "put", "p\(number)", keywords: ["priority": .bool(Bool.random(using: &random))])
            }
            while true {
                do {
                    let claim = try python.call("job", "j", "get", 1)
                    let (id, item) = (claim[0] ?? .null, claim[1] ?? .null)
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0..<2: try python.call("job", "j", "cancel", id)
                    case 2:
                        try python.call("job", "j", "stall", id)
                        try python.call("job", "j", "retry", id)
                    default: try python.call("job", "j", "finish", id, item)
                    }
                } catch let error as PythonThoonkClient.Failure where error.exception == "Empty" {
                    if try server.cli("GET", "feed.finishes:j") == "\(count)" { break }
                }
            }
        }
        let finished = Tally()
        for event in try await told(events) {
            if case .finished(_, let id, _) = event { finished.add(id) }
        }
        #expect(finished.all.count == count, comment)
        #expect(finished.all.values.allSatisfy { $0 == 1 }, comment)
        #expect(try await job.counts().finishes == count, comment)
        #expect(try await job.counts().publishes == count, comment)
        let left = try world.keys().filter { $0.hasSuffix(":j") }
        #expect(left == ["feed.config:j", "feed.finishes:j", "feed.publishes:j"], comment)
    }
}
