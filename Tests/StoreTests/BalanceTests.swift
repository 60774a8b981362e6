import Redis
import TestSupport
import Testing

@Suite("sharing lanes among workers")
struct BalanceTests {
    /// Workers that ask for lanes and let go of surplus ones, as real ones do.
    private final class Pool {
        let library: TidingsLibrary
        var serves: [String: String] = [:]

        init(partitions: Int, stages: String = "a,b") throws {
            library = try TidingsLibrary(partitions: partitions, stages: stages)
        }

        /// In how many ms a lease of somebody who is gone runs out, as the last turn said.
        private(set) var leaseEnd: Int64?

        func join(_ worker: String, _ stages: String = "incoming,a,b") throws {
            serves[worker] = stages
            try library.beat(worker, stages: stages)
        }

        /// One worker's turn: gives the lanes that it then has.
        @discardableResult
        func turn(_ worker: String) throws -> [String] {
            let stages = try #require(serves[worker])
            let answer = try library.redis.ask(
                "FCALL", "tidings_balance", "0", "t", worker, stages, "60000", "1")
            let entries = try #require(answer.array).dropFirst().compactMap { $0.array?.map(\.line) }
            leaseEnd = answer.array?.dropFirst().last?.integer
            for entry in entries where entry[5] == "1" {
                #expect(try library.call("release", keys: [Self.lane(entry)], [entry[2], "t"]) == "[OK]")
            }
            return entries.filter { $0[5] == "0" }.map(Self.lane)
        }

        /// Turns of all workers until nothing changes; gives the lanes of each.
        func settle() throws -> [String: [String]] {
            var known: [String: [String]] = [:]
            for _ in 0..<4 {
                for worker in serves.keys.sorted() { known[worker] = try turn(worker) }
            }
            let again = try serves.keys.sorted().map { try turn($0) }
            #expect(again == serves.keys.sorted().map { known[$0] }, "it has settled")
            return known
        }

        private static func lane(_ entry: [String]) -> String {
            (entry[0].isEmpty ? "t" : "{t.\(entry[0])}") + ":lane:\(entry[1])"
        }
    }

    private func expectShares(_ shares: [String: [String]], lanes: Int, _ note: Comment? = nil) {
        let all = shares.values.flatMap { $0 }
        #expect(all.count == lanes, note)
        #expect(Set(all).count == lanes, note)
    }

    @Test("lanes are shared evenly by 1, 2, 3 workers as they join, and again as they leave")
    func even() throws {
        let pool = try Pool(partitions: 4)
        for (workers, most) in [(1, 13), (2, 7), (3, 5)] {
            try pool.join("w\(workers)")
            let shares = try pool.settle()
            expectShares(shares, lanes: 13)
            #expect(shares.values.map(\.count).max() == most)
        }
        for worker in ["w1", "w2"] {
            for lane in try pool.turn(worker) {
                let token = try pool.library.redis.ask("HGET", lane, "token").line
                #expect(try pool.library.call("release", keys: [lane], [token, "t"]) == "[OK]")
            }
            try pool.library.call("leave", ["t", worker])
            pool.serves[worker] = nil
            expectShares(try pool.settle(), lanes: 13)
        }
    }

    @Test("a worker that is leaving has no share any more, so that the others take all")
    func leaving() throws {
        let pool = try Pool(partitions: 2)
        try pool.join("w1")
        try pool.library.beat("w2", ["leaving", "1"])
        #expect(try pool.turn("w1").count == 7)
    }

    @Test("an answer that was lost is given again: what waits, and which lane is suspect")
    func lostAnswer() throws {
        let pool = try Pool(partitions: 1)
        try pool.library.enqueue(["x"])
        try pool.library.redis.ask("HSET", TidingsLibrary.lane, "dirty", "1", "tried", #"[["1","a",0],["2","b",1]]"#)
        try pool.join("w1")
        func entry() throws -> [String] {
            let answer = try pool.library.redis.ask("FCALL", "tidings_balance", "0", "t", "w1", "a", "60000", "1")
            return try #require(answer.array?.dropFirst().compactMap { $0.array?.map(\.line) }.first)
        }
        let first = try entry()
        #expect(first[3] == "1" && first[6] == "2")
        let again = try entry()
        #expect(again[2] == first[2] && again[3] == "1" && again[6] == "2" && again[7] == "1", "\(again)")
        #expect(try pool.library.commit(token: first[2], serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        let later = try entry()
        #expect(later[3] == "0" && later[6] == "0" && later[7] == "0", "\(later)")
    }

    @Test("a key of another type in the place of a queue does not keep the other lanes from being shared")
    func foreignQueue() throws {
        let pool = try Pool(partitions: 1)
        try pool.library.redis.ask("SET", TidingsLibrary.queue, "no list")
        try pool.library.redis.ask("HSET", TidingsLibrary.lane, "dirty", "1")
        try pool.join("w1")
        #expect(try pool.turn("w1").count == 4)
        #expect(try pool.turn("w1").count == 4)
    }

    @Test("an edge is no worker and has no share")
    func edge() throws {
        let pool = try Pool(partitions: 2)
        try pool.join("w1")
        try pool.library.call("beat", ["t", "e1", "edge", "incoming,a,b", "60000"])
        #expect(try pool.turn("w1").count == 7)
    }

    @Test(
        "no lane stays free when workers serve different stages, whoever comes first",
        arguments: [
            ["w1": "incoming,a,b", "w2": "b"],
            ["w2": "incoming,a,b", "w1": "b"],
            ["w1": "incoming,a", "w2": "a,b", "w3": "b"],
            ["w1": "incoming", "w2": "a", "w3": "b", "w4": "b"],
            ["w1": "incoming,a,b", "w2": "incoming,a,b", "w3": "b"],
        ])
    func different(_ serves: [String: String]) throws {
        let pool = try Pool(partitions: 4)
        for worker in serves.keys.sorted() {
            try pool.join(worker, #require(serves[worker]))
            _ = try pool.turn(worker)
        }
        let shares = try pool.settle()
        expectShares(shares, lanes: 13, "\(shares)")
        for (worker, lanes) in shares {
            let stages = try #require(serves[worker]).split(separator: ",").map(String.init)
            #expect(lanes.allSatisfy { lane in stages.contains { lane.hasSuffix(":\($0)") } })
        }
    }

    @Test("a seeded random coming and going always settles with every lane in one hand")
    func random() throws {
        var generator = SplitMix64()
        let pool = try Pool(partitions: 3, stages: "a,b,c")
        let kinds = ["incoming,a,b,c", "incoming,a", "b,c", "c", "incoming,b"]
        try pool.join("base", kinds[0])
        for round in 0..<15 {
            if pool.serves.count > 1, Bool.random(using: &generator) {
                let worker = try #require(
                    pool.serves.keys.sorted().filter { $0 != "base" }.randomElement(using: &generator))
                pool.serves[worker] = nil
                try pool.library.call("bury", ["t", worker])
            } else {
                try pool.join("w\(round)", #require(kinds.randomElement(using: &generator)))
            }
            expectShares(try pool.settle(), lanes: 13, "seed \(generator.seed), round \(round): \(pool.serves)")
        }
    }

    @Test("a worker without a heartbeat loses its lanes when its lease is over, and its share at once")
    func dead() throws {
        let pool = try Pool(partitions: 2)
        try pool.join("w1")
        try pool.join("w2")
        _ = try pool.settle()
        try pool.library.redis.ask("ZADD", "t:procs", "1", "w1")
        #expect(try pool.turn("w2").count == 3, "the lease lives")
        #expect((1...60_001).contains(try #require(pool.leaseEnd)))
        for lane in try #require(try pool.library.redis.ask("KEYS", "*:lane:*").array) {
            try pool.library.redis.ask("HSET", lane.line, "deadline", "1")
        }
        #expect(try pool.turn("w2").count == 7)
        #expect(pool.leaseEnd == nil)
    }

    @Test("who leaves without having released its lanes frees them all the same, and only its own")
    func leavesWithLanes() throws {
        let pool = try Pool(partitions: 2)
        try pool.join("w1")
        try pool.join("w2")
        _ = try pool.settle()
        try pool.library.call("leave", ["t", "w1"])
        #expect(try pool.turn("w2").count == 7)
        #expect(pool.leaseEnd == nil)
    }

    @Test("a paused lane is told as such, and a lane keeps its token from turn to turn")
    func paused() throws {
        let pool = try Pool(partitions: 1)
        try pool.join("w1")
        let first = try pool.library.call("balance", ["t", "w1", "a", "60000", "1"])
        try pool.library.redis.ask("HSET", TidingsLibrary.lane, "paused", "1")
        let second = try pool.library.call("balance", ["t", "w1", "a", "60000", "1"])
        // Suspect, paused, surplus, attempts, waiting.
        #expect(first.hasSuffix(", 0, 0, 0, 0, 0]]"))
        #expect(second == first.replacing(", 0, 0, 0, 0, 0]]", with: ", 0, 1, 0, 0, 0]]"))
    }

    @Test("joining is announced once, leaving and releasing each time")
    func announced() throws {
        let library = try TidingsLibrary()
        let heard = try Announcements(["t:control"], library: library)
        try library.beat("w1")
        try library.beat("w1")
        let token = try library.token(of: "w1")
        try library.call("release", keys: [TidingsLibrary.lane], [token, "t"])
        try library.call("leave", ["t", "w1"])
        #expect(try heard.first(3) == ["t:control join", "t:control free", "t:control free"])
        #expect(try library.redis.ask("EXISTS", "t:procs", "t:proc:w1").line == "0")
    }

    @Test("who was not heard for a lease is no longer named to a worker with such a lease, and is to others")
    func silent() throws {
        let library = try TidingsLibrary()
        try library.beat("w1")
        let time = try #require(try library.redis.ask("ZSCORE", "t:procs", "w1").text.flatMap { Int64($0) })
        try library.redis.ask("ZADD", "t:procs", String(time - 9000), "w1")
        #expect(try library.call("beat", ["t", "w2", "worker", "a", "60000", "lease", "8000"]) == "[w2]")
        #expect(try library.call("beat", ["t", "w2", "worker", "a", "60000", "lease", "20000"]) == "[w1, w2]")
        #expect(try library.call("beat", ["t", "e1", "edge", "", "60000"]).contains("w1"))
    }

    @Test("a beat gives the live processes and shows what it was told, for its lifetime")
    func beat() throws {
        let library = try TidingsLibrary()
        try library.beat("w1")
        #expect(
            try library.call("beat", ["t", "w2", "worker", "a", "60000", "host", "h", "pid", "7"]) == "[w1, w2]")
        #expect(
            try library.redis.ask("HMGET", "t:proc:w2", "role", "stages", "host", "pid").line == "[worker, a, h, 7]")
        let left = try #require(try library.redis.ask("PTTL", "t:proc:w2").integer)
        #expect((1...60_000).contains(left))
    }
}
