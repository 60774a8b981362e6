import Events
import JSON
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// Thoonk queues, job feeds and feeds as inlets of a running pipeline.
@Suite("workers at inlets from Thoonk")
struct InletTests {
    private func pool(_ inlets: [Inlet], a: @escaping StageFactory = WorkerPool.pass) throws -> WorkerPool {
        let pool = try WorkerPool(stages: ["a": a, "b": WorkerPool.publisher])
        pool.inlets = inlets
        return pool
    }

    private func item(_ number: Int) -> String { #"{"thread":"0","n":\#(number)}"# }

    private func put(_ numbers: some Sequence<Int>, in pool: WorkerPool, queue: String, isJob: Bool = false) throws {
        for number in numbers {
            // As Thoonk's clients do it: everything in one transaction.
            try pool.redis.ask("MULTI")
            try pool.redis.ask("LPUSH", "feed.ids:\(queue)", "id\(number)")
            try pool.redis.ask("HSET", "feed.items:\(queue)", "id\(number)", item(number))
            if isJob { try pool.redis.ask("ZADD", "feed.published:\(queue)", "1", "id\(number)") }
            try pool.redis.ask("EXEC")
        }
    }

    private func counted(_ pool: WorkerPool, _ words: String...) throws -> Int64 {
        try pool.redis.ask(words: words).integer ?? 0
    }

    @Test("what is put into a queue is published, in its order, while the pool runs and from before")
    func queue() throws {
        let pool = try pool([Inlet(.queue, "q")])
        try put(0..<300, in: pool, queue: "q")
        try pool.startAlone()
        try pool.published(300)
        try put(300..<310, in: pool, queue: "q")
        try pool.published(310)
        #expect(try pool.published() == Array(0..<310))
        try pool.expectBalance()
    }

    @Test("an item wakes an idle pool within 50 ms", arguments: [Inlet.Kind.queue, .job, .feed])
    func wake(kind: Inlet.Kind) throws {
        let pool = try pool([Inlet(kind, "source", fromStart: true)])
        try pool.startAlone()
        var best = Int64.max
        for count in 1...8 where best > 50 {
            pool.runner.run(for: 0.03)
            let start = Clock.monotonicMilliseconds()
            if kind == .feed {
                try pool.redis.ask("HSET", "feed.items:source", "\(count)", item(count))
                try pool.redis.ask("ZADD", "feed.ids:source", "\(Clock.unixMilliseconds())", "\(count)")
            } else {
                try put([count], in: pool, queue: "source", isJob: kind == .job)
            }
            try pool.published(count)
            best = min(best, Clock.monotonicMilliseconds() - start)
        }
        #expect(best <= 50, "\(best) ms")
    }

    @Test("a job is finished when its comment is published, and not before")
    func job() throws {
        var isOpen = false
        let pool = try pool([Inlet(.job, "j")]) {
            TestStage { event throws(StageError) in
                if !isOpen { throw StageError.notYet("closed") }
                return .forward([event])
            }
        }
        try put(0..<50, in: pool, queue: "j", isJob: true)
        try pool.startAlone()
        try pool.runner.run(within: 10, "50 jobs are claimed") { try counted(pool, "ZCARD", "feed.claimed:j") == 50 }
        #expect(try counted(pool, "EXISTS", "feed.finishes:j") == 0)
        isOpen = true
        try pool.published(50)
        #expect(try pool.published() == Array(0..<50))
        #expect(try counted(pool, "GET", "feed.finishes:j") == 50)
        #expect(
            try counted(
                pool, "EXISTS", "feed.claimed:j", "feed.published:j", "feed.items:j", "feed.ids:j", "feed.stalled:j",
                "t:jobs") == 0)
        // Nothing of the ticket is published.
        let event = try pool.redis.ask("HGET", "feed.items:{thread:0}", "1").text
        #expect(event == item(0))
    }

    @Test("stages never see a job's ticket, and cannot lose it: changed, split and rebuilt events finish their jobs")
    func stages() throws {
        var seen: Set<String> = []
        let pool = try pool([Inlet(.job, "j")]) {
            TestStage { event throws(StageError) in
                if event.fields["_job"] != nil { seen.insert("ticket") }
                var other = JSONObject()
                other["thread"] = .string("0")
                other["n"] = event.fields["n"]
                let copy = Event(fields: other, raw: other.bytes)
                switch event.fields["n"]?.int {
                case 1: return .forward([copy, event])
                case 2: return .drop(reason: "two")
                case 3: return .reject(reason: "three")
                case 4: return .hold(event, reason: "four")
                default: return .forward([copy])
                }
            }
        }
        try put(0..<6, in: pool, queue: "j", isJob: true)
        try pool.startAlone()
        try pool.published(4)
        try pool.runner.run(within: 10, "all are decided") { try counted(pool, "GET", "feed.finishes:j") == 4 }
        #expect(seen.isEmpty)
        #expect(try pool.published() == [0, 1, 1, 5])
        #expect(try pool.redis.ask("SMEMBERS", "feed.stalled:j").line == "[id3]")
        #expect(try pool.redis.ask("ZRANGE", "feed.claimed:j", "0", "-1").line == "[id4]")
        try pool.expectBalance()
    }

    @Test("a feed is caught up with and then followed, and left as it is")
    func feed() throws {
        let pool = try pool([Inlet(.feed, "f", fromStart: true)])
        for number in 0..<100 {
            try pool.redis.ask("HSET", "feed.items:f", "\(number)", item(number))
            try pool.redis.ask("ZADD", "feed.ids:f", "\(1_700_000_000_000 + number)", "\(number)")
        }
        try pool.startAlone()
        try pool.published(100)
        try pool.stop("w1")
        try pool.redis.ask("HSET", "feed.items:f", "100", item(100))
        try pool.redis.ask("ZADD", "feed.ids:f", "1700000000100", "100")
        try pool.startAlone("w2")
        try pool.published(101)
        #expect(try pool.published() == Array(0...100))
        #expect(try counted(pool, "ZCARD", "feed.ids:f") == 101)
    }

    @Test("an inlet gives no more than there is room for: the rest waits where any client can take it")
    func room() throws {
        let pool = try pool([Inlet(.queue, "q")])
        pool.limits.batchEvents = 20
        pool.limits.queueEvents = 10
        try put(0..<500, in: pool, queue: "q")
        pool.stages["b"] = { TestStage { _ throws(StageError) in throw .notYet("closed") } }
        try pool.startAlone()
        let last = pool.layout.queue(LaneID(stage: "b", partition: pool.layout.partition(of: "0")))
        try pool.runner.run(within: 10, "the pipeline is full") {
            try counted(pool, "LLEN", "t:incoming") >= 20 && counted(pool, "LLEN", last) >= 10
        }
        pool.runner.run(for: 0.3)
        let waiting = try counted(pool, "LLEN", "feed.ids:q")
        pool.runner.run(for: 0.3)
        #expect(try counted(pool, "LLEN", "feed.ids:q") == waiting && waiting > 300)
        try pool.stop("w1")
        pool.stages["b"] = WorkerPool.publisher
        try pool.startAlone("w2")
        try pool.published(500)
        #expect(try pool.published() == Array(0..<500))
    }

    @Test("connections cut and workers changed at seeded random: every job published once and finished once")
    func trouble() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(seed: seed)
        let pool = try pool([Inlet(.job, "j"), Inlet(.queue, "q")])
        // A worker that is stopped while it has no connection cannot give its lanes back.
        pool.limits.lease = 1000
        try pool.start("w0")
        let total = 400
        for number in 0..<total {
            let isJob = number % 2 == 0
            try put([number], in: pool, queue: isJob ? "j" : "q", isJob: isJob)
            switch Int.random(in: 0..<25, using: &random) {
            case 0:
                for line in try pool.redis.ask("CLIENT", "LIST").text?.split(separator: "\n") ?? []
                where line.contains("name=tidings-work") {
                    let id = line.split(separator: " ").first { $0.hasPrefix("id=") }!.dropFirst(3)
                    try pool.redis.ask("CLIENT", "KILL", "ID", String(id))
                }
            case 1:
                try pool.start("w\(number)")
                pool.runner.run(for: 0.02)
                if let old = pool.workers.keys.sorted().first, pool.workers.count > 1 { try pool.stop(old) }
            default: pool.runner.run(for: 0.001)
            }
        }
        try pool.published(total, within: 20)
        try pool.runner.run(within: 10, "the jobs are finished") {
            try counted(pool, "EXISTS", "feed.claimed:j", "feed.items:j", "t:jobs") == 0
        }
        let published = try pool.published()
        #expect(published.count == total && Set(published).count == total, "seed \(seed)")
        #expect(published.filter { $0 % 2 == 0 } == Array(stride(from: 0, to: total, by: 2)), "seed \(seed)")
        #expect(try counted(pool, "GET", "feed.finishes:j") == Int64(total / 2), "seed \(seed)")
        #expect(try counted(pool, "EXISTS", "feed.claimed:j", "feed.items:j", "t:jobs") == 0, "seed \(seed)")
    }
}
