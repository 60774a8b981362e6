import Events
import JSON
import Pipeline
import Redis
import Store
import TestSupport
import Testing

@Suite("workers")
struct WorkerTests {
    @Test("events pass three stages in the order of their thread, each once")
    func order() throws {
        var seen: [String: [Int64]] = [:]
        let pool = try WorkerPool(stages: [
            "a": { TestStage.step("a") }, "b": { TestStage.step("b") },
            "c": {
                TestStage { event throws(StageError) in
                    guard event.fields["path"] == "ab" else { return .reject(reason: "another path") }
                    seen[event.fields["thread"]?.string ?? "", default: []].append(event.fields["n"]?.int ?? -1)
                    return .forward([])
                }
            },
        ])
        try pool.startAlone()
        for start in stride(from: 0, to: 2000, by: 100) { try pool.push(start..<start + 100, threads: 5) }
        try pool.runner.run(within: 20, "2000 events arrive") { seen.values.reduce(0) { $0 + $1.count } >= 2000 }
        for thread in 0..<5 { #expect(seen["\(thread)"] == (0..<400).map { Int64($0 * 5 + thread) }) }
        try pool.expectBalance()
        // The counters in Redis are ahead of the worker's, which wait for the answers.
        try pool.runner.run(within: 5, "all commits are answered") {
            pool.workers["w1"]?.committedEvents == 2000 * 4
        }
    }

    @Test("workers share the lanes as they come, and take them over as they leave")
    func sharing() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone("w1")
        try pool.start("w2")
        try pool.owned(by: "w1", 4)
        try pool.owned(by: "w2", 3)
        try pool.push(0..<100)
        try pool.published(100)
        try pool.stop("w1")
        try pool.owned(by: "w2", 7)
        try pool.push(100..<200)
        try pool.published(200)
        #expect(try pool.published() == Array(0..<200))
        try pool.expectBalance()
    }

    @Test("workers that serve different stages leave no lane alone")
    func different() throws {
        let pool = try WorkerPool(partitions: 4, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone("w1")
        try pool.start("w2", serves: ["b"])
        try pool.owned(by: "w2", 2)
        try pool.owned(by: "w1", 11)
    }

    @Test("a plain RPUSH of a stranger wakes an idle pool within 50 ms, also at a partition's door and in a queue")
    func wake() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone()
        var count = 0
        for key in ["t:incoming", "{t.0}:incoming", "{t.0}:queue:b"] {
            // The best of a few: the machine may be busy with something else.
            var best = Int64.max
            for _ in 0..<8 where best > 50 {
                pool.runner.run(for: 0.03)
                let start = Clock.monotonicMilliseconds()
                try pool.redis.ask("RPUSH", key, #"{"thread":"0","n":\#(count)}"#)
                count += 1
                try pool.published(count)
                best = min(best, Clock.monotonicMilliseconds() - start)
            }
            #expect(best <= 50, "\(key) took \(best) ms")
        }
        #expect(try pool.published() == Array(0..<count))
    }

    @Test("an idle pool leaves Redis alone")
    func idle() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone()
        pool.runner.run(for: 0.2)
        func commands() throws -> Int64 {
            let info = try #require(try pool.redis.ask("INFO", "stats").text)
            let line = try #require(info.split(separator: "\r\n").first { $0.hasPrefix("total_commands_processed:") })
            return try #require(Int64(line.split(separator: ":")[1]))
        }
        let before = try commands()
        pool.runner.run(for: 1)
        // In a second: a beat of a dozen inner commands, and the subscriber's heartbeat.
        #expect(try commands() - before <= 40)
    }

    @Test(
        "cutting every connection in the middle of a stream loses and doubles nothing", arguments: ["normal", "pubsub"])
    func cut(_ type: String) throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.pass, "c": WorkerPool.publisher])
        pool.limits.batchEvents = 16
        try pool.startAlone()
        try pool.start("w2")
        for round in 0..<8 {
            try pool.push(round * 250..<(round + 1) * 250, threads: 3)
            pool.runner.run(for: 0.01)
            try pool.server.cli("CLIENT", "KILL", "TYPE", type)
            if type == "normal" {
                try pool.reconnected()
            }
        }
        for thread in 0..<3 {
            let expected = Array(stride(from: thread, to: 2000, by: 3))
            try pool.published(expected.count, thread: thread)
            #expect(try pool.published(thread: thread) == expected)
        }
        try pool.expectBalance()
    }

    @Test("the end and restart of the server in the middle of a stream loses and doubles nothing")
    func restart() throws {
        let pool = try WorkerPool(
            stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher], appendOnly: .always)
        pool.limits.batchEvents = 16
        try pool.startAlone()
        for round in 0..<3 {
            try pool.push(round * 500..<(round + 1) * 500, threads: 2)
            pool.runner.run(for: 0.01)
            try pool.server.restart()
            try pool.reconnected()
        }
        for thread in 0..<2 {
            try pool.published(750, thread: thread)
            #expect(try pool.published(thread: thread) == Array(stride(from: thread, to: 1500, by: 2)))
        }
        try pool.expectBalance()
    }

    @Test("functions that vanished from the server are loaded again, and the stream goes on")
    func flushed() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone()
        try pool.redis.ask("FUNCTION", "FLUSH")
        try pool.push(0..<100)
        try pool.published(100)
        #expect(try pool.published() == Array(0..<100))
        try pool.expectBalance()
    }

    @Test(
        "an event whose stage fails is tried again in place; used up, it is a dead letter; the order of the rest holds")
    func failing() throws {
        var tries: [Int64: Int] = [:]
        let pool = try WorkerPool(
            partitions: 1,
            stages: [
                "a": {
                    TestStage { event throws(StageError) in
                        let number = event.fields["n"]?.int ?? -1
                        tries[number, default: 0] += 1
                        if number == 11 { throw StageError("never") }
                        if number % 10 == 3, tries[number] ?? 0 < 3 { throw StageError("not yet") }
                        return .forward([event])
                    }
                }, "b": WorkerPool.publisher,
            ])
        pool.limits.attempts = 3
        try pool.startAlone()
        try pool.push(0..<40)
        try pool.published(39)
        #expect(try pool.published() == (0..<40).filter { $0 != 11 })
        let letters = try #require(try pool.redis.ask("LRANGE", "{t.0}:dead:a", "0", "-1").array)
        #expect(letters.count == 1)
        let letter = try ParsedJSON(parsing: letters.first?.text ?? "")
        #expect(letter["event"]?["n"] == 11)
        #expect(letter["error"] == "never")
        #expect(letter["attempts"] == 3)
        #expect([3, 11, 13, 23, 33].map { tries[$0] } == [3, 3, 3, 3, 3])
        try pool.expectBalance()
    }

    @Test("what is no JSON becomes a dead letter, and holds nobody up")
    func unreadable() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.publisher])
        try pool.startAlone()
        try pool.redis.ask("RPUSH", "{t.0}:queue:a", #"{"thread":"0","n":1}"#, "oops", #"{"thread":"0","n":2}"#)
        try pool.redis.ask("HINCRBY", "{t.0}:lane:a", "in", "3")
        try pool.published(2)
        #expect(try pool.published() == [1, 2])
        #expect(try pool.redis.ask("LLEN", "{t.0}:dead:a").integer == 1)
        try pool.expectBalance()
    }

    @Test("an operator pauses a lane with HSET and PUBLISH, and lets it go on")
    func pause() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone()
        func set(_ paused: String) throws {
            try pool.redis.ask("HSET", "{t.0}:lane:b", "paused", paused)
            try pool.redis.ask("PUBLISH", "t:control", "pause")
        }
        try set("1")
        pool.runner.run(for: 0.1)
        try pool.push(0..<10)
        try pool.runner.run(within: 10, "ten wait") {
            try pool.redis.ask("LLEN", "{t.0}:queue:b").integer == 10
        }
        pool.runner.run(for: 0.1)
        #expect(try pool.published().isEmpty)
        try set("0")
        try pool.published(10)
        #expect(try pool.published() == Array(0..<10))
    }

    @Test("a full next queue stops the lanes back to the door, and they go on when it is drained")
    func full() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        pool.limits.queueEvents = 20
        pool.limits.batchEvents = 5
        try pool.redis.ask("HSET", "{t.0}:lane:b", "paused", "1")
        try pool.startAlone()
        try pool.push(0..<200)
        try pool.runner.run(within: 10, "the queues are full") {
            try ["{t.0}:queue:a", "{t.0}:queue:b"].allSatisfy { try pool.redis.ask("LLEN", $0).integer ?? 0 >= 20 }
        }
        pool.runner.run(for: 0.1)
        for queue in ["{t.0}:queue:a", "{t.0}:queue:b"] {
            #expect(try pool.redis.ask("LLEN", queue).integer ?? 0 < 25)
        }
        try pool.expectBalance()
        try pool.redis.ask("HSET", "{t.0}:lane:b", "paused", "0")
        try pool.redis.ask("PUBLISH", "t:control", "resume")
        try pool.published(200)
        #expect(try pool.published() == Array(0..<200))
        try pool.expectBalance()
    }

    @Test("a worker that stops gives its lanes back and leaves no trace, also over a full queue")
    func stop() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        pool.limits.queueEvents = 5
        try pool.redis.ask("HSET", "{t.0}:lane:b", "paused", "1")
        try pool.startAlone()
        try pool.push(0..<100)
        try pool.runner.run(within: 10, "a queue is full") {
            try pool.redis.ask("LLEN", "{t.0}:queue:b").integer ?? 0 >= 5
        }
        try pool.stop("w1")
        #expect(try pool.owners().allSatisfy(\.isEmpty))
        #expect(try pool.redis.ask("EXISTS", "t:procs", "t:proc:w1").integer == 0)
        try pool.expectBalance()
    }

    @Test("the lanes of a buried worker are taken over at once, and its head event is tried alone")
    func buried() throws {
        var batches: [Int] = []
        let pool = try WorkerPool(
            partitions: 1, stages: ["a": { BatchCounter { batches.append($0) } }, "b": WorkerPool.publisher])
        try pool.startAlone()
        try pool.stop("w1")
        let time = try #require(try pool.redis.ask("TIME").array?.first?.text.flatMap { Int64($0) })
        try pool.redis.ask(
            "HSET", "{t.0}:lane:a", "owner", "ghost", "dirty", "1", "deadline", String((time + 600) * 1000))
        try pool.redis.ask("ZADD", "t:procs", String((time - 20) * 1000), "ghost")
        try pool.redis.ask("HSET", "t:proc:ghost", "lease", "600000")
        try pool.redis.ask(
            words: ["FCALL", "tidings_enqueue", "2", "{t.0}:queue:a", "{t.0}:lane:a", "0", "4"]
                + (0..<4).map { #"{"thread":"0","n":\#($0)}"# })
        try pool.start("w2")
        try pool.owned(by: "w2", 3)
        #expect(try pool.published().isEmpty)
        try pool.redis.ask("FCALL", "tidings_bury", "0", "t", "ghost")
        try pool.published(4, within: 5)
        #expect(try pool.published() == [0, 1, 2, 3])
        #expect(batches == [1, 1, 1, 1])
    }

    @Test("a worker with the name of one that vanished takes its lanes anew, and commits what it gets at once")
    func sameName() throws {
        var calls: [Int64] = []
        let stages: KeyValuePairs<String, StageFactory> = [
            "a": {
                TestStage { event throws(StageError) in
                    calls.append(event.fields["n"]?.int ?? -1)
                    return .forward([event])
                }
            }, "b": WorkerPool.publisher,
        ]
        let pool = try WorkerPool(partitions: 1, stages: stages)
        try pool.startAlone("w1")
        for number in 0..<50 {
            try pool.push(number...number)
            try pool.published(number + 1)
        }
        pool.vanish("w1")
        try pool.push(50...50)
        #expect(calls == Array(0..<50))
        try pool.start("w1")
        try pool.published(51, within: 1)
        pool.runner.run(for: 0.1)
        #expect(calls == Array(0...50))
        #expect(try pool.published() == Array(0...50))
        try pool.expectBalance()
    }

    @Test("heads over which a worker died are tried one at a time, and nothing else beside them")
    func suspects() throws {
        var inside: Set<Int64> = []
        var most = 0
        let pool = try WorkerPool(
            partitions: 4,
            stages: [
                "a": {
                    SlowStage { number, isInside in
                        if isInside { inside.insert(number) } else { inside.remove(number) }
                        most = max(most, inside.count)
                    }
                }, "b": WorkerPool.publisher,
            ])
        try pool.startAlone()
        try pool.stop("w1")
        for partition in 0..<4 {
            try pool.redis.ask(
                "FCALL", "tidings_enqueue", "2", "{t.\(partition)}:queue:a", "{t.\(partition)}:lane:a", "0", "1",
                #"{"thread":"0","n":\#(partition)}"#)
            try pool.loseWorkers(2, over: LaneID(stage: "a", partition: partition), .died)
        }
        try pool.start("w2")
        try pool.published(4)
        #expect(most == 1)
        for partition in 0..<4 {
            #expect(try pool.redis.ask("HGET", "{t.\(partition)}:lane:a", "attempts").text == "0")
        }
        try pool.expectBalance()
    }

    @Test("an attempt that ends with a failure of the stage is no death that counts, however often it fails")
    func failureIsTakenBack() throws {
        var tries = 0
        let pool = try WorkerPool(
            partitions: 1,
            stages: [
                "a": {
                    TestStage { _ throws(StageError) in
                        tries += 1
                        throw StageError("away", isCounted: false)
                    }
                }, "b": WorkerPool.publisher,
            ])
        try pool.startAlone()
        try pool.stop("w1")
        try pool.redis.ask(
            "FCALL", "tidings_enqueue", "2", "{t.0}:queue:a", "{t.0}:lane:a", "0", "1", #"{"thread":"0","n":1}"#)
        try pool.loseWorkers(2, over: LaneID(stage: "a", partition: 0), .died)
        func attempts() throws -> String? { try pool.redis.ask("HGET", "{t.0}:lane:a", "attempts").text }
        for name in ["w2", "w3"] {
            tries = 0
            try pool.startAlone(name)
            try pool.runner.run(within: 10, "it has failed a few times, and what was counted is back") {
                try tries >= 4 && attempts() == "1"
            }
            try pool.stop(name)
            #expect(try attempts() == "1")
        }
        #expect(try pool.redis.ask("EXISTS", "{t.0}:dead:a").integer == 0)
        pool.stages["a"] = WorkerPool.pass
        try pool.start("w4")
        try pool.published(1)
        #expect(try attempts() == "0")
    }

    @Test("a stage that a worker cannot make is left to another one, and its lanes are not kept from it")
    func unmakeable() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        let made = pool.stages["a"]
        var tries = 0
        pool.stages["a"] = {
            tries += 1
            throw StageError("no secret")
        }
        try pool.start("bad")
        try pool.runner.run(within: 10, "the worker has all lanes but those of the stage") {
            try pool.owners().filter { $0 == "bad" }.count == 5
        }
        #expect(try pool.redis.ask("HGET", "t:proc:bad", "stages").text == "incoming,b")
        pool.stages["a"] = made
        try pool.start("good")
        try pool.runner.run(within: 5, "every lane has a worker") { try !pool.owners().contains("") }
        try pool.push(0..<100)
        try pool.published(100)
        #expect(tries == 1, "it is not asked again and again")
        #expect(
            try (0..<2).allSatisfy { try pool.redis.ask("HGET", "{t.\($0)}:lane:a", "owner").text == "good" })
        try pool.expectBalance()
    }

    @Test("a lane that sleeps though events wait is woken by the next look at all lanes")
    func overslept() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        // The server reports no changes: lanes look every 5 s only.
        try pool.redis.ask("ACL", "SETUSER", "default", "-client|tracking")
        try pool.startAlone()
        for count in 1...4 {
            pool.runner.run(for: 0.1)
            try pool.redis.ask("RPUSH", "{t.0}:queue:b", #"{"thread":"0","n":\#(count)}"#)
            try pool.redis.ask("PUBLISH", "t:control", "look")
            try pool.published(count, within: 0.5)
        }
    }

    @Test("a worker that is told to be quiet while Redis is away gives its lanes back when it is there again")
    func quietAway() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher], appendOnly: .always)
        try pool.startAlone()
        try pool.server.kill()
        try pool.runner.run(within: 10, "the test noticed") { !pool.redis.connection.isReady }
        pool.runner.run(for: 0.05)
        pool.workers["w1"]?.quiet()
        try pool.server.restart()
        try pool.redis.reconnected()
        try pool.runner.run(within: 10, "all lanes are free") { try pool.owners().allSatisfy(\.isEmpty) }
        try pool.redis.ask("PUBLISH", "t:control", "free")
        pool.runner.run(for: 0.2)
        #expect(try pool.owners().allSatisfy(\.isEmpty))
        #expect(try pool.redis.ask("ZCARD", "t:procs").integer == 1, "it lives")
    }

    @Test("a worker that is told to be quiet while it is being given lanes gives them back")
    func quietAtOnce() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        let worker = try pool.start("w1")
        let deadline = Deadline(in: 10)
        // The command line does not run the worker's loop: its lanes are granted, and it has not heard of it yet.
        while try pool.server.cli("HGET", "t:lane:incoming", "owner") != "w1", !deadline.isOver {
            pool.runner.loop.runOnce(wait: true)
        }
        #expect(pool.lanes["w1"] ?? 0 == 0)
        worker.quiet()
        try pool.runner.run(within: 10, "all lanes are free") { try pool.owners().allSatisfy(\.isEmpty) }
        try pool.push(0..<3)
        pool.runner.run(for: 0.2)
        #expect(try pool.owners().allSatisfy(\.isEmpty))
        try pool.start("w2")
        try pool.published(3)
    }

    @Test("a stage that fails after a death is no poison: its events are tried as often as any")
    func failingAfterDeath() throws {
        var failures = 0
        let pool = try WorkerPool(
            partitions: 1,
            stages: [
                "a": {
                    TestStage { event throws(StageError) in
                        failures += 1
                        if failures <= 4 { throw StageError("not yet") }
                        return .forward([event])
                    }
                }, "b": WorkerPool.publisher,
            ])
        try pool.startAlone()
        try pool.stop("w1")
        try pool.redis.ask("HSET", "{t.0}:lane:a", "dirty", "1")
        try pool.redis.ask(
            "FCALL", "tidings_enqueue", "2", "{t.0}:queue:a", "{t.0}:lane:a", "0", "1", #"{"thread":"0","n":1}"#)
        try pool.start("w2")
        try pool.published(1)
        #expect(try pool.redis.ask("LLEN", "{t.0}:dead:a").integer == 0)
    }

    @Test("a queue that was changed by hand under a worker is read again")
    func changedByHand() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.publisher])
        let held = HeldStage()
        pool.stages["a"] = { held }
        try pool.startAlone()
        try pool.redis.ask("RPUSH", "{t.0}:queue:a", #"{"thread":"0","n":1}"#, #"{"thread":"0","n":2}"#)
        try pool.runner.run(within: 10, "the batch is in hand") { held.release != nil }
        try pool.redis.ask("LPOP", "{t.0}:queue:a")
        held.isOpen = true
        held.release?()
        try pool.published(1)
        #expect(try pool.published() == [2])
    }

    @Test("a worker whose configuration differs from that of others says so and takes nothing, until it may")
    func refused() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone()
        let options = WorkerOptions(
            id: "other", layout: PipelineLayout(name: "t", partitions: 3, stages: ["a", "b"]),
            redis: try RedisAddress(url: pool.server.url), stages: pool.stages)
        let other = Worker(on: pool.runner.loop, options: options, logger: .silent)
        var refusal: PipelineError?
        var lanes = 0
        other.onRefused = { refusal = $0 }
        other.onLanesChanged = { lanes = $0 }
        other.start()
        try pool.runner.run(within: 10, "a refusal") { refusal != nil }
        #expect(refusal?.code == .differs)
        #expect(
            refusal?.message.contains("has partitions 2 in Redis, 3 here") == true, "\(String(describing: refusal))")
        #expect(lanes == 0)
        try pool.stop("w1")
        try pool.runner.run(within: 10, "its turn has come") { lanes == 10 }
        other.stop {}
        pool.runner.run(for: 0.05)
    }
}
