import Redis
import TestSupport
import Testing

/// Workers that take a lane, freeze, come back, die, and are buried soon, late or never, in a random order. A model knows
/// what really happened to each of them.
@Suite("attempts among random freezes and deaths")
struct RandomAttemptTests {
    private struct Process {
        var isFrozen = false
        /// The token of the event at the head that it has in hand, and whether it has counted an attempt.
        var hand: (token: String, isAttempt: Bool)?
    }

    private final class Model {
        let library: TidingsLibrary
        var generator: SplitMix64
        var processes: [String: Process] = [:]
        /// Dead, and not buried yet, or never.
        var unburied: [String: Bool] = [:]
        var births = 0
        var silences = 0
        /// Of the event at the head: how many were seen to die over it alone.
        var deaths = 0
        var answers = 0

        init(seed: UInt64?) throws {
            library = try TidingsLibrary()
            generator = SplitMix64(seed: seed)
            try library.enqueue(["x"])
            for _ in 0..<4 { try bear() }
        }

        var note: String { "seed \(generator.seed), answer \(answers)" }

        func bear() throws {
            births += 1
            processes["w\(births)"] = Process()
            try library.beat("w\(births)")
        }

        /// Its last heartbeat is older than any lease, and those that fell silent before it were so for a lease already.
        func silence(_ id: String) throws {
            silences += 1
            try library.redis.ask("ZADD", "t:procs", String(silences * 100_000), id)
        }

        func owner() throws -> String { try library.redis.ask("HGET", TidingsLibrary.lane, "owner").text ?? "" }

        func someone(where isMeant: (Process) -> Bool) -> String? {
            processes.filter { isMeant($0.value) }.keys.sorted().randomElement(using: &generator)
        }

        func step() throws {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<6: try claim()
            case 6..<8: try commit()
            case 8..<12: try freeze()
            case 12..<16: try thaw()
            case 16..<18: try die()
            default: try buryLate()
            }
        }

        private func claim() throws {
            guard let id = someone(where: { !$0.isFrozen && $0.hand == nil }) else { return }
            let answer =
                try library.redis.ask(
                    "FCALL", "tidings_claim", "2", TidingsLibrary.lane, TidingsLibrary.queue, "t", id, "60000"
                ).array ?? []
            guard answer.first?.text == "OK", let token = answer[1].text else { return }
            let isSuspect = answer[2].text == "1"
            processes[id]?.hand = (token, isSuspect)
            guard isSuspect else { return }
            let counts = try library.redis.ask("FCALL", "tidings_attempt", "1", TidingsLibrary.lane, token).array ?? []
            try #require(counts.count == 4)
            answers += 1
            let losses = Int(counts[2].integer ?? -1)
            let seen = Int(counts[3].integer ?? -1)
            // One more may have died over the batch.
            #expect((deaths...deaths + 1).contains(seen), "\(note)")
            let silent = processes.values.count(where: \.isFrozen) + unburied.count
            #expect(losses >= 0 && losses <= silent, "\(note)")
        }

        private func commit() throws {
            guard let id = someone(where: { !$0.isFrozen && $0.hand != nil }), let hand = processes[id]?.hand else {
                return
            }
            let answer = try library.commit(token: hand.token, serial: 1, ["x"], TidingsLibrary.push(["x"]))
            processes[id]?.hand = nil
            guard answer == "[OK]" else { return try comeBack(hand.token) }
            deaths = 0
            for other in processes.keys where other != id { processes[other]?.hand?.isAttempt = false }
            try library.enqueue(["x"])
            // It gives the lane back sometimes as one that trusts it, sometimes as one that does not.
            let care = Bool.random(using: &generator) ? "1" : "0"
            try library.call("release", keys: [TidingsLibrary.lane], [hand.token, "t", care])
        }

        private func comeBack(_ token: String) throws {
            // The call may get lost.
            guard Bool.random(using: &generator) else { return }
            #expect(try library.attempt(token, back: true) == "[FENCED]", "\(note)")
        }

        /// It stands still for longer than its lease.
        private func freeze() throws {
            guard let id = someone(where: { !$0.isFrozen }) else { return }
            // One whose word was lost is heard of by its heartbeats, when the lane is taken next.
            guard try processes[id]?.hand != nil || !isListed(id) else { return }
            processes[id]?.isFrozen = true
            try silence(id)
            if try owner() == id { try library.expire() }
        }

        private func thaw() throws {
            guard let id = someone(where: \.isFrozen) else { return }
            processes[id]?.isFrozen = false
            try library.redis.ask("DEBUG", "SLEEP", "0.002")
            try library.beat(id)
            guard let hand = processes[id]?.hand, try owner() != id else { return }
            processes[id]?.hand = nil
            try comeBack(hand.token)
        }

        private func die() throws {
            guard let id = someone(where: { _ in true }), let process = processes.removeValue(forKey: id) else {
                return
            }
            try bear()
            let isOver = process.hand?.isAttempt == true
            // Of one whose word was lost the time of the last heartbeat must not get lost as well.
            let mustBeSeen = try process.hand == nil && isListed(id)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: try bury(id, isOver)
            case _ where mustBeSeen: try bury(id, isOver)
            default:
                // Nobody sees it, or not yet. Its heartbeats are over, and its lease as well.
                unburied[id] = isOver
                try silence(id)
                if try owner() == id { try library.expire() }
            }
        }

        private func buryLate() throws {
            guard let id = unburied.keys.sorted().randomElement(using: &generator) else { return }
            try bury(id, unburied.removeValue(forKey: id) == true)
        }

        private func isListed(_ id: String) throws -> Bool {
            try library.redis.ask("HGET", TidingsLibrary.lane, "tried").text?.contains("\"\(id)\"") ?? false
        }

        private func bury(_ id: String, _ isOver: Bool) throws {
            // A commit may have taken the event away meanwhile: then it is no death over this one.
            if isOver, try isListed(id) { deaths += 1 }
            for _ in 0..<Int.random(in: 1...2, using: &generator) { try library.call("bury", ["t", id]) }
        }
    }

    @Test(
        "deaths are those that were seen over the event alone, losses at most those of whom nothing is heard",
        arguments: [nil, 1, 2, 3, nil, nil, nil, nil] as [UInt64?])
    func random(_ seed: UInt64?) throws {
        let model = try Model(seed: seed)
        for _ in 0..<1500 { try model.step() }
        #expect(model.answers > 50, "\(model.note)")
    }
}
