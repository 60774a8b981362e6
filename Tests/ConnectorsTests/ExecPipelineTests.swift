import Glibc
import Pipeline
import TestSupport
import Testing

@testable import Connectors

@Suite("a program in a pipeline")
struct ExecPipelineTests {
    @Test("killed at any moment, a program loses, doubles and reorders nothing, and no event is given up")
    func killed() throws {
        var generator = SplitMix64()
        let seed: Comment = "seed \(generator.seed)"
        let bench = try ExecBench()
        // Slow enough to be killed while it works.
        let program = ExecBench.program(try bench.python(#"time.sleep(0.0002); e["s"] = e["n"] * 2; say(e)"#))
        let pool = try ExecPool(partitions: 2, attempts: 1000) { ExecStage(program) }
        for start in stride(from: 0, to: 2000, by: 200) { try pool.push(start..<start + 200, threads: 3) }
        for _ in 0..<8 {
            let count = try (0..<3).reduce(0) { try $0 + pool.count(thread: $1) }
            guard count < 2000 else { break }
            pool.runner.run(for: Double.random(in: 0.01...0.12, using: &generator))
            if let pid = program.pid { kill(pid, SIGKILL) }
        }
        for thread in 0..<3 {
            let expected = Array(stride(from: thread, to: 2000, by: 3))
            try pool.runner.run(within: 30, "thread \(thread) is complete, \(seed)") {
                try pool.count(thread: thread) >= expected.count
            }
            let events = try pool.published(thread: thread)
            #expect(events.compactMap { $0["n"]?.integer } == expected, seed)
            #expect(events.compactMap { $0["s"]?.integer } == expected.map { $0 * 2 }, seed)
        }
        pool.runner.run(for: 0.05)
        try pool.expectBalance(seed)
        #expect(pool.log.contains("program ended", "how=died (signal 9)", "stage=x"))
    }

    @Test("an event that kills the program each time is a dead letter after its attempts; the others pass in order")
    func poison() throws {
        let bench = try ExecBench()
        let program = ExecBench.program(try bench.python(#"if e["n"] in (5, 6, 60): os._exit(9)"# + "\nsay(e)"))
        let pool = try ExecPool(attempts: 3) { ExecStage(program) }
        try pool.push(0..<100)
        try pool.runner.run(within: 30, "the others are published") { try pool.count() >= 97 }
        #expect(
            try pool.published().compactMap { $0["n"]?.integer } == (0..<100).filter { ![5, 6, 60].contains($0) })
        let letters = try pool.dead()
        #expect(letters.compactMap { $0["event"]?["n"]?.integer } == [5, 6, 60])
        #expect(letters.allSatisfy { $0["error"] == "the program died (exit 9) over this event" })
        #expect(letters.allSatisfy { $0["attempts"] == 3 })
        try pool.expectBalance()
    }

    @Test("events wait for a program that is not there, without using up attempts")
    func missing() throws {
        let bench = try ExecBench()
        let path = bench.folder.file("scorer")
        let program = ExecBench.program(ExecOptions(command: [path]))
        let pool = try ExecPool(attempts: 2) { ExecStage(program) }
        try pool.push(0..<10)
        try pool.runner.run {
            pool.log.lines.filter { $0.contains("stage failed") && $0.contains("No such file") }.count >= 4
        }
        try bench.folder.write("#!/bin/sh\nexec cat\n", to: "scorer")
        chmod(path, 0o755)
        try pool.runner.run(within: 15, "the events pass") { try pool.count() == 10 }
        #expect(try pool.dead().isEmpty)
    }

    @Test("a program that works on many events at once, killed at any moment, keeps the order of each conversation")
    func concurrent() throws {
        var generator = SplitMix64()
        let seed: Comment = "seed \(generator.seed)"
        let bench = try ExecBench()
        // Answers in any order; drops each tenth event, with its number.
        let before = """
            import random, threading
            from concurrent.futures import ThreadPoolExecutor
            lock = threading.Lock()
            def work(e):
                time.sleep(random.random() / 500)
                answer = {"_line": e["_line"]} if e["n"] % 10 == 3 else {**e, "s": e["n"] * 2}
                with lock: say(answer)
            workers = ThreadPoolExecutor(16)
            """
        let program = ExecBench.program(try bench.python("workers.submit(work, e)", before: before))
        let pool = try ExecPool(partitions: 2, attempts: 1000) { ExecStage(program) }
        for start in stride(from: 0, to: 2000, by: 200) { try pool.push(start..<start + 200, threads: 3) }
        for _ in 0..<5 {
            let count = try (0..<3).reduce(0) { try $0 + pool.count(thread: $1) }
            guard count < 1800 else { break }
            pool.runner.run(for: Double.random(in: 0.05...0.25, using: &generator))
            if let pid = program.pid { kill(pid, SIGKILL) }
        }
        for thread in 0..<3 {
            let expected = stride(from: thread, to: 2000, by: 3).filter { $0 % 10 != 3 }
            try pool.runner.run(within: 30, "thread \(thread) is complete, \(seed)") {
                try pool.count(thread: thread) >= expected.count
            }
            let events = try pool.published(thread: thread)
            #expect(events.compactMap { $0["n"]?.integer } == expected, seed)
            #expect(events.compactMap { $0["s"]?.integer } == expected.map { $0 * 2 }, seed)
            #expect(events.allSatisfy { $0["_line"] == nil }, seed)
        }
        pool.runner.run(for: 0.05)
        try pool.expectBalance(seed)
        #expect(!pool.log.contains("killed: it wrote"), seed)
    }
}
