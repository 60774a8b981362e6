import Redis
import Store
import TestSupport
import Testing

/// Which epoch the functions give, renew and refuse to give. `tidings_hello` alone: see HelloTests.
@Suite("the epoch")
struct EpochTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary(partitions: 2)
    }

    private func number(_ partition: Int = 0) throws -> Int64? {
        try library.redis.ask("HGET", "{t.\(partition)}:epoch", "number").integer
    }

    private func history() throws -> ChannelHistory {
        try library.call(
            .newest(of: ChannelFeed(channel: "c", epochKey: "{t.0}:epoch"), after: 0, limit: 100))
    }

    private func beat(knowing epoch: Int64 = 0, _ layout: PipelineLayout = EpochTests.layout) throws -> BeatAnswer {
        try library.call(
            .beat(layout, process: "w1", role: "worker", stages: ["a"], lifetime: 15_000, epoch: epoch, fields: []))
    }

    private static let layout = PipelineLayout(name: "t", partitions: 2, stages: ["a", "b"])

    /// The code of the error that a call is answered with.
    private func refusal(_ body: () throws -> Void) throws -> RedisError? {
        do {
            try body()
            return nil
        } catch let error as RedisError {
            return error
        }
    }

    @Test(
        "data that go back twice at once bring no number twice, also for callers that know none or the same",
        arguments: [true, false])
    func backTwice(knowing: Bool) throws {
        let first = try #require(try number())
        // Ahead of the clock: as after a step back.
        let known = knowing ? first + 100_000_000_000 : 0
        var numbers: Set = [first]
        for _ in 0..<20 {
            try library.redis.ask("FLUSHALL")
            // A new instance of the library remembers no number either.
            try load()
            guard case .agreed(let next) = try library.call(.hello(Self.layout, epoch: known)) else { return }
            #expect(numbers.insert(next).inserted && next > known)
        }
    }

    @Test("a number follows the clock, has 16 digits, and is written exactly")
    func form() throws {
        let now = try #require(try library.redis.ask("TIME").array?.first?.text.flatMap { Int64($0) })
        let first = try #require(try number())
        #expect((now - 60...now).contains(first >> 22 + 1_000_000_000))
        #expect(try library.redis.ask("HGET", "{t.0}:epoch", "number").text == String(first))
        #expect(String(first).utf8.count == 16 && first < 1 << 53)
        try library.redis.ask("FLUSHALL")
        try load()
        // The greeting's answer, what stands in Redis, and what histories give are one number.
        let last = Int64(1) << 53 - 1 << 23 - 1
        guard case .agreed(let next) = try library.call(.hello(Self.layout, epoch: last)) else { return }
        #expect(next > last && next >> 22 == last >> 22 + 1)
        #expect(try number() == next && history().epoch == next && beat(knowing: next).epoch == next)
    }

    @Test("a number of an older library stays until the data may have gone back, and the next one is higher")
    func olderNumber() throws {
        for partition in 0..<2 { try library.redis.ask("HSET", "{t.\(partition)}:epoch", "number", "2557000000") }
        #expect(try beat(knowing: 2_557_000_000).epoch == 2_557_000_000)
        try library.redis.ask("FLUSHALL")
        #expect(try #require(try beat(knowing: 2_557_000_000).epoch) > 10_000_000_000)
    }

    private func load() throws {
        var load = RedisCommand("FUNCTION", "LOAD", "REPLACE")
        load.append(FunctionLibrary.tidings.source)
        try library.redis.ask(load)
    }

    @Test("after FLUSHALL in the same second the next number is higher than the one before, whoever writes it")
    func flushed() throws {
        var last = try #require(try number())
        for round in 0..<6 {
            // Ahead of the clock, as many renewals in one second make it.
            let ahead = last + 100_000_000_000
            guard case .agreed(let given) = try library.call(.hello(Self.layout, epoch: ahead)) else { return }
            #expect(given > ahead)
            try library.redis.ask("FLUSHALL")
            let answer = round % 2 == 0 ? try beat().epoch : nil
            if round % 2 == 1 {
                guard case .agreed(let epoch) = try library.call(.hello(Self.layout)) else { return }
                #expect(epoch > given)
            }
            let now = try #require(try number())
            #expect(now > given && (answer ?? now) == now, "round \(round)")
            #expect(try number(1) == now)
            last = now
        }
    }

    @Test("after FLUSHALL and a new library instance the number is higher than the one that a process knows")
    func flushedWithoutMemory() throws {
        let known = try #require(try number()) + 100_000_000_000
        try library.redis.ask("FLUSHALL")
        try load()
        let next = try #require(try beat(knowing: known).epoch)
        #expect(next > known)
        #expect(try number(1) == next)
    }

    @Test("a process that knows a higher number than Redis makes it rise: the data went back")
    func restored() throws {
        let old = try #require(try number())
        #expect(try beat(knowing: old).epoch == old)
        let next = try #require(try beat(knowing: old + 5_000_000).epoch)
        #expect(next > old + 5_000_000)
        #expect(try beat(knowing: old).epoch == next, "a process that knows less changes nothing")
    }

    @Test("a new instance of the library changes no epoch while the server lives")
    func reloaded() throws {
        let old = try #require(try number())
        try load()
        #expect(try history().epoch == old)
        #expect(try beat(knowing: old).epoch == old)
        #expect(try library.hello(partitions: 2) == "[OK, \(old)]")
    }

    @Test("an epoch of an older library, without a replication id, stays and gets one")
    func olderLibrary() throws {
        let old = try #require(try number())
        for partition in 0..<2 { try library.redis.ask("HDEL", "{t.\(partition)}:epoch", "replid", "shape") }
        try library.redis.ask("HDEL", "t:config", "shape")
        #expect(try beat(knowing: old).epoch == old)
        #expect(try library.redis.ask("HGET", "{t.1}:epoch", "shape").text == "1/2/a,b")
        #expect(try library.redis.ask("HGET", "t:config", "shape").text == "1/2/a,b")
        #expect(try library.redis.ask("HEXISTS", "{t.0}:epoch", "replid").integer == 1)
    }

    @Test("a history is not given while the epoch is gone, and a heartbeat brings it back")
    func gone() throws {
        try library.call("publish", ["c", "100", "60000", "x"])
        let old = try history().epoch
        try library.redis.ask("DEL", "{t.0}:epoch")
        #expect(try refusal { _ = try history() }?.code == .outdated)
        let new = try #require(try beat().epoch)
        #expect(new > old)
        #expect(try history().epoch == new)
    }

    @Test("the epoch of one partition that is gone comes back with the heartbeats, unchanged")
    func onePartition() throws {
        let old = try #require(try number())
        try library.redis.ask("DEL", "{t.1}:epoch")
        try library.runner.run(within: 5, "both have it") {
            #expect(try beat(knowing: old).epoch == old)
            return try number(1) == old
        }
    }

    @Test("NAME:config that is gone is written again by the next heartbeat, and nothing depends on it until then")
    func configuration() throws {
        let token = try library.token(of: "w1")
        let before = try library.redis.ask("HGETALL", "t:config").line
        try library.redis.ask("DEL", "t:config")
        let status = try library.redis.ask("FCALL_RO", "tidings_status", "0", "t").array ?? []
        #expect(status.count == 4)
        #expect(try library.call("balance", ["t", "w1", "a,b", "60000", "0"]).contains(token))
        #expect(try library.call("bury", ["t", "w1"]) == "1", "a dead worker's lanes are freed at once")
        _ = try library.hello(partitions: 2)
        try library.redis.ask("DEL", "t:config")
        _ = try beat()
        #expect(try library.redis.ask("HGETALL", "t:config").line == before)
    }

    @Test("another shape does not take over while NAME:config is gone and processes live")
    func configurationGoneOtherShape() throws {
        _ = try beat()
        try library.redis.ask("DEL", "t:config")
        #expect(
            try library.hello(partitions: 3)
                == "[DIFFERS, partitions, 2, 3, 1 processes run with it; stop them first]")
        let other = PipelineLayout(name: "t", partitions: 3, stages: ["a", "b"])
        #expect(try refusal { _ = try beat(other) }?.code == .outdated)
        #expect(try library.redis.ask("EXISTS", "t:config").integer == 0)
    }
}

/// The data of a server goes back in time, and no connection is cut.
@Suite("the epoch of a master that was a replica")
struct ReplicaEpochTests {
    private let pair: ReplicaPair

    init() throws {
        pair = try ReplicaPair()
        try pair.first.cli(
            ["-x", "FUNCTION", "LOAD", "REPLACE"],
            input: String(decoding: FunctionLibrary.tidings.source, as: UTF8.self))
        _ = try call("hello", "0", "t", "1", "2", "a,b")
    }

    private func call(_ function: String, _ arguments: String...) throws -> [String] {
        try pair.first.cli(["FCALL", "tidings_\(function)"] + arguments).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
    }

    private func history() throws -> [String] {
        try pair.first.cli("FCALL_RO", "tidings_history", "1", "{t.0}:epoch", "x", "0", "100")
            .split(separator: "\n").map(String.init)
    }

    private func publish(_ event: String, keys: [String] = []) throws {
        try pair.first.cli(["FCALL", "tidings_publish", "\(keys.count)"] + keys + ["x", "100", "600000", event])
    }

    /// The first server was at `a1 a2`, and is at `a1` again.
    private func goBack() throws {
        try publish("a1")
        try pair.copyToSecond()
        try publish("a2")
        try pair.followSecond()
        #expect(try history().first?.hasPrefix("UNSURE") == true, "not while it is a replica")
        try pair.promoteFirst()
    }

    @Test("no history is given before the epoch was renewed, and the run id alone would not tell")
    func readers() throws {
        let old = try #require(Int64(try pair.first.cli("HGET", "{t.0}:epoch", "number")))
        let run = try pair.first.cli("HGET", "{t.0}:epoch", "run_id")
        try goBack()
        #expect(try pair.first.cli("HGET", "{t.0}:epoch", "run_id") == run)
        #expect(try history().first?.hasPrefix("UNSURE") == true)
        let answer = try call("beat", "0", "t", "e1", "edge", "", "15000", "shape", "1/2/a,b", "epoch", "\(old)")
        let new = try #require(answer.last.flatMap { Int64($0) })
        #expect(new > old)
        #expect(try history().first == "\(new)")
        #expect(try pair.first.cli("HGET", "{t.1}:epoch", "number") == "\(new)")
    }

    @Test("what is published first renews the epoch, by a commit in any partition", arguments: ["{t.0}", "{t.1}"])
    func writers(_ partition: String) throws {
        let (lane, queue) = ("\(partition):lane:b", "\(partition):queue:b")
        _ = try call("enqueue", "2", queue, lane, "0", "1", "b2")
        let token = try #require(try call("claim", "2", lane, queue, "t", "w", "60000").dropFirst().first)
        let old = try #require(Int64(try pair.first.cli("HGET", "{t.0}:epoch", "number")))
        try goBack()
        let answer = try call(
            "commit", "2", lane, queue, token, "1", "1", "b2", "", "60000", "shape", "1/2/a,b", "feeds", "100",
            "600000",
            "\(partition):dead:b", "10", "1", "b2", "1", "x", "1", "1")
        #expect(answer == ["OK"])
        let now = try history()
        #expect(try #require(now.first.flatMap { Int64($0) }) > old)
        #expect(Array(now.suffix(4)) == ["1", "a1", "2", "b2"])
    }

    @Test("a publication that names the epoch renews it as well")
    func publications() throws {
        let old = try #require(Int64(try pair.first.cli("HGET", "{t.0}:epoch", "number")))
        try goBack()
        try publish("c2", keys: ["{t.0}:epoch"])
        #expect(try #require(try history().first.flatMap { Int64($0) }) > old)
    }
}
