import Redis
import TestSupport
import Testing

@Suite("hello: configuration and epoch")
struct HelloTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary(partitions: 2)
    }

    @Test("the same configuration again is welcome, also beside processes that live")
    func same() throws {
        try library.beat("w1")
        #expect(try library.hello(partitions: 2).hasPrefix("[OK, "))
    }

    @Test(
        "another configuration is refused while processes live, with what differs",
        arguments: [
            (2, 2, "a,b", "[DIFFERS, contract, 1, 2, 1 processes run with it; stop them first]"),
            (1, 3, "a,b", "[DIFFERS, partitions, 2, 3, 1 processes run with it; stop them first]"),
            (1, 2, "a", "[DIFFERS, stages, a,b, a, 1 processes run with it; stop them first]"),
        ])
    func refusedByTheLiving(_ contract: Int, _ partitions: Int, _ stages: String, _ answer: String) throws {
        try library.beat("w1")
        let before = try library.redis.ask("HGETALL", "t:config").line
        #expect(try library.hello(contract: contract, partitions: partitions, stages: stages) == answer)
        #expect(try library.redis.ask("HGETALL", "t:config").line == before)
    }

    @Test("another configuration is taken over when no process lives and no event would be stranded")
    func takenOver() throws {
        #expect(try library.hello(partitions: 5, stages: "a,c").hasPrefix("[OK, "))
        #expect(try library.redis.ask("HMGET", "t:config", "partitions", "stages").line == "[5, a,c]")
    }

    @Test("a stage that is left out is refused while its queue holds events, other stages may change")
    func strandedStage() throws {
        try library.redis.ask("RPUSH", "{t.1}:queue:b", "x", "y")
        let refusal = "[DIFFERS, stages, a,b, a, {t.1}:queue:b still holds 2 events]"
        #expect(try library.hello(partitions: 2, stages: "a") == refusal)
        #expect(try library.hello(partitions: 2, stages: "b,c").hasPrefix("[OK, "))
    }

    @Test("the number of partitions is refused while any queue holds events, except the open door")
    func strandedPartition() throws {
        try library.redis.ask("RPUSH", "t:incoming", "x")
        #expect(try library.hello(partitions: 3).hasPrefix("[OK, "))
        try library.redis.ask("RPUSH", "{t.2}:incoming", "x")
        #expect(
            try library.hello(partitions: 2)
                == "[DIFFERS, partitions, 3, 2, {t.2}:incoming still holds 1 events]")
    }

    @Test("the epoch stays while the server lives, and grows with each new run of it")
    func epoch() throws {
        let kept = try TidingsLibrary(partitions: 2, appendOnly: .always)
        func number(_ partition: Int) throws -> Int64 {
            try #require(try kept.redis.ask("HGET", "{t.\(partition)}:epoch", "number").integer)
        }
        let first = try number(0)
        #expect(try number(1) == first)
        #expect(try kept.hello(partitions: 2).hasPrefix("[OK, "))
        #expect(try number(0) == first)
        var numbers = [first]
        for _ in 0..<3 {
            try kept.server.restart()
            try kept.runner.run(within: 10, "the test noticed") { !kept.redis.connection.isReady }
            try kept.redis.reconnected()
            #expect(try kept.hello(partitions: 2).hasPrefix("[OK, "))
            numbers.append(try number(0))
            #expect(try number(1) == numbers.last)
        }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "\(numbers)")
    }

    @Test("an epoch that is ahead of the clock still grows, so that no number is given twice")
    func epochAhead() throws {
        try library.redis.ask("HSET", "{t.0}:epoch", "number", "4000000000000000", "run_id", "another")
        #expect(try library.hello(partitions: 2).hasPrefix("[OK, "))
        let next = try #require(try library.redis.ask("HGET", "{t.0}:epoch", "number").integer)
        #expect(next > 4_000_000_000_000_000)
    }
}
