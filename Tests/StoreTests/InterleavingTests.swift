import Redis
import TestSupport
import Testing

@Suite("two owners of one lane")
struct InterleavingTests {
    /// A worker as the library sees it. It follows the rules: what has no answer is sent again, first of all.
    private struct Owner {
        let name: String
        var token: String?
        var serial = 0
        var batch: [String] = []
        /// The commit whose reply was lost.
        var unanswered: [String]?
    }

    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    @Test(
        "that claim, commit, expire and lose replies in any order: every event leaves once, in order",
        arguments: [true, false])
    func interleaved(distinct: Bool) throws {
        var generator = SplitMix64()
        var owners = [Owner(name: "w1"), Owner(name: "w2")]
        var sent: [String] = []
        var stragglers: [[String]] = []
        for _ in 0..<1500 {
            let turn = Int.random(in: 0..<2, using: &generator)
            switch Int.random(in: 0..<12, using: &generator) {
            case 0:
                let events = (0..<Int.random(in: 1...6, using: &generator)).map { index in
                    distinct ? "e\(sent.count + index)" : "e\((sent.count + index) % 2)"
                }
                try library.enqueue(events)
                sent += events
            case 1:
                if Bool.random(using: &generator) { try library.expire() }
            case 2:
                // A commit that was answered long ago arrives once more.
                if let straggler = stragglers.randomElement(using: &generator) { _ = try send(straggler) }
            default:
                try step(&owners[turn], &stragglers, using: &generator)
            }
        }
        var last = Owner(name: "last")
        try library.expire()
        for _ in 0..<10_000 {
            guard try library.redis.ask("LLEN", TidingsLibrary.queue).integer != 0 else { break }
            try step(&last, &stragglers, using: &generator)
        }
        let arrived = try library.list(TidingsLibrary.next)
        #expect(arrived == sent, "seed \(generator.seed)")
        #expect(try library.imbalance() == 0, "seed \(generator.seed)")
        #expect(try library.imbalance(stage: "b") == 0, "seed \(generator.seed)")
    }

    /// An owner's next step: claim, or send again, or peek, or commit a part of the batch.
    private func step(
        _ owner: inout Owner, _ stragglers: inout [[String]], using generator: inout SplitMix64
    ) throws {
        guard let token = owner.token else {
            let answer = try library.redis.ask(
                "FCALL", "tidings_claim", "2", TidingsLibrary.lane, TidingsLibrary.queue, "t", owner.name, "60000")
            if answer.array?.first?.line == "OK" {
                owner = Owner(name: owner.name, token: answer.array?[1].line)
            }
            return
        }
        if let unanswered = owner.unanswered {
            return try settle(&owner, unanswered, &stragglers, using: &generator)
        }
        if owner.batch.isEmpty {
            let size = Int.random(in: 1...5, using: &generator)
            owner.batch =
                try library.redis.ask("LRANGE", TidingsLibrary.queue, "0", "\(size - 1)").array?.map(\.line) ?? []
            return
        }
        owner.serial += 1
        let events = Array(owner.batch.prefix(Int.random(in: 1...owner.batch.count, using: &generator)))
        let head = [token, String(owner.serial), String(events.count), events[0], events.count > 1 ? events.last! : ""]
        let commit = head + ["60000"] + TidingsLibrary.push(events)
        try settle(&owner, commit, &stragglers, using: &generator)
    }

    private func settle(
        _ owner: inout Owner, _ commit: [String], _ stragglers: inout [[String]], using generator: inout SplitMix64
    ) throws {
        let answer = try send(commit)
        if Int.random(in: 0..<4, using: &generator) == 0 {
            owner.unanswered = commit
            return
        }
        owner.unanswered = nil
        owner.batch = []
        if answer == "[FENCED]" { owner.token = nil }
        if answer == "[OK]" { stragglers.append(commit) }
    }

    private func send(_ commit: [String]) throws -> String {
        try library.call("commit", keys: [TidingsLibrary.lane, TidingsLibrary.queue], commit)
    }
}
