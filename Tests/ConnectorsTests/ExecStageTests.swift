import Foundation
import Glibc
import Pipeline
import Supervision
import Synchronization
import TestSupport
import Testing

@testable import Connectors

@Suite("a program as a stage")
struct ExecStageTests {
    @Test("events go through a program in their order, many at once, and large ones")
    func order() throws {
        let bench = try ExecBench()
        let stage = ExecStage(ExecBench.program(try bench.python(#"e["s"] = e["n"] * 2; say(e)"#)))
        let expected = (0..<3000).map { #"{"thread":"1","n":\#($0),"s":\#($0 * 2)}"# }
        #expect(try bench.run(stage, try ExecBench.events(0..<3000)) == expected)
        let large = String(repeating: "x", count: 900_000)
        let batch = try (0..<4).map { try ExecBench.event(#"{"thread":"1","n":\#($0),"t":"\#(large)"}"#) }
        let sizes = try bench.run(stage, batch).map(\.count)
        #expect(sizes == batch.enumerated().map { $1.raw.count + 5 + String($0 * 2).count })
        #expect(bench.log.lines.filter { $0.contains("program started") }.count == 1)
    }

    @Test("a program may split events and drop them, and sees one line for an event that was spread over several")
    func shapes() throws {
        let bench = try ExecBench()
        let stage = ExecStage(
            ExecBench.program(try bench.python(#"say([e] * e["n"] if e["n"] else None)"#)))
        let batch = try ["{\"thread\":\"1\",\n\"n\":2}", #"{"thread":"1","n":0}"#, "{\"thread\":\"1\",\r\n\"n\":1}"]
            .map(
                ExecBench.event)
        let one = #"{"thread":"1","n":2}"#
        #expect(
            try bench.run(stage, batch) == ["\(one) \(one)", "drop: by_program", #"{"thread":"1","n":1}"#])
    }

    @Test("the programs of the manual work as they stand there", arguments: [1, 2])
    func manual(number: Int) throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let manual = try String(contentsOf: root.appendingPathComponent("docs/connectors.md"), encoding: .utf8)
        let program = try #require(manual.components(separatedBy: "```python\n").dropFirst(number).first)
        let bench = try ExecBench()
        let path = try bench.folder.write(try #require(program.components(separatedBy: "```").first), to: "score.py")
        let batch = try ["", "hello"].map { try ExecBench.event(#"{"thread":"1","text":"\#($0)"}"#) }
        #expect(
            try bench.run(ExecStage(ExecBench.program(ExecOptions(command: ["python3", path]))), batch)
                == ["drop: by_program", #"{"thread":"1","text":"hello","score":5}"#])
    }

    @Test("an event beyond the longest line is set aside, the others of its batch are not")
    func tooLarge() throws {
        let bench = try ExecBench()
        var options = try bench.python("say(e)")
        options.maxLine = 100
        let large = #"{"thread":"1","t":"\#(String(repeating: "x", count: 100))"}"#
        let small = #"{"thread":"1"}"#
        let results = try bench.run(
            ExecStage(ExecBench.program(options)), try [small, large, small].map(ExecBench.event))
        #expect(results[0] == small && results[2] == small)
        #expect(results[1] == "reject: 121 bytes are more than a line to the program may have: 100")
    }

    @Test("what the program writes to standard error is in the log, line by line, with the stage's name")
    func standardError() throws {
        let bench = try ExecBench()
        let stage = ExecStage(
            ExecBench.program(
                try bench.python(
                    """
                    print("scoring", e["n"], file=sys.stderr)
                    sys.stderr.write("x" * 5000 + "\\nlast")
                    say(e)
                    sys.exit(3)
                    """)))
        #expect(try bench.run(stage, try ExecBench.events([7])).count == 1)
        try bench.runner.run { bench.log.contains("program ended", "how=died (exit 3)", "stage=score") }
        #expect(bench.log.contains("program says", "line=scoring 7", "stage=score"))
        #expect(bench.log.contains("line=\(String(repeating: "x", count: 4096))…"))
        #expect(bench.log.contains("line=last"))
    }

    @Test("the event that a program dies over is found and blamed; the others pass")
    func death() throws {
        let bench = try ExecBench()
        let stage = ExecStage(
            ExecBench.program(try bench.python(#"if e["n"] == 5: os.kill(os.getpid(), signal.SIGSEGV)"# + "\nsay(e)")))
        let batch = try ExecBench.events(0..<20)
        let first = try bench.run(stage, batch)
        #expect(first.count == 6)
        #expect(first.last == "failed: the program died (signal 11) over this event")
        // The lane commits the events before it and submits the rest: the program dies once more, without a search.
        let deaths = bench.log.lines.filter { $0.contains("program ended") }.count
        #expect(try bench.run(stage, Array(batch[5...])) == ["failed: the program died (signal 11) over this event"])
        #expect(bench.log.lines.filter { $0.contains("program ended") }.count == deaths + 1)
        #expect(try bench.run(stage, Array(batch[6...])).count == 14)
    }

    @Test("a program that does not answer an event in time is killed, and the event is blamed")
    func hang() throws {
        let bench = try ExecBench()
        var options = try bench.python(#"if e["n"] == 2: time.sleep(1000)"# + "\nsay(e)")
        options.timeout = 300
        let results = try bench.run(ExecStage(ExecBench.program(options)), try ExecBench.events(0..<4))
        #expect(results.count == 3)
        #expect(results.last?.hasPrefix("failed: the program gave no answer to this event within 300 ms") == true)
    }

    @Test("a program may start for longer than an event may take")
    func slowStart() throws {
        let bench = try ExecBench()
        var options = try bench.python("say(e)", before: "time.sleep(0.6)")
        options.timeout = 200
        #expect(try bench.run(ExecStage(ExecBench.program(options)), try ExecBench.events(0..<4)).count == 4)
        #expect(!bench.log.contains("program ended"))
    }

    @Test(
        "an invalid answer is blamed on the event",
        arguments: [
            (#"print("debug", flush=True)"#, "what is no answer"), ("say('3')", "JSON, but neither an object"),
            (#"say('[{"thread":"1"},3]')"#, "an array with elements that are not objects"),
            ("say('')", "what is no answer"),
            ("say('x' * 2000)", "a line of more than 1000 bytes"), ("say('NaN')", "what is no answer"),
        ])
    func invalid(code: String, reason: String) throws {
        let bench = try ExecBench()
        var options = try bench.python("if e['n'] == 1: \(code)\nelse: say(e)")
        options.maxLine = 1000
        let results = try bench.run(ExecStage(ExecBench.program(options)), try ExecBench.events(0..<3))
        #expect(results.count == 2)
        #expect(results.last?.hasPrefix("failed: the program wrote \(reason)") == true, "\(results)")
    }

    @Test("a line that answers no event brings the stream out of step: the program is started anew")
    func unasked() throws {
        let bench = try ExecBench()
        var options = try bench.python("say(e)\nsay(e)")
        options.lineNumbers = false
        let stage = ExecStage(ExecBench.program(options))
        _ = try bench.run(stage, try ExecBench.events([1]))
        try bench.runner.run { bench.log.contains("program ended", "a line that answers no event") }
    }

    @Test("a missing program blames no event, with an error that says what to do, and is started once it exists")
    func missing() throws {
        let bench = try ExecBench()
        let path = bench.folder.file("scorer")
        let stage = ExecStage(ExecBench.program(ExecOptions(command: [path])))
        let batch = try ExecBench.events(0..<3)
        #expect(
            try bench.run(stage, batch)
                == [
                    "not ready: the program '\(path)' cannot be started: No such file or directory; "
                        + "install it, or correct `exec` in the configuration"
                ])
        #expect(try bench.run(stage, batch).first?.hasPrefix("not ready: ") == true)
        try bench.folder.write("#!/bin/sh\nexec cat\n", to: "scorer")
        #expect(try bench.run(stage, batch).first?.contains("make it executable") == true)
        chmod(path, 0o755)
        #expect(try bench.run(stage, batch).count == 3)
    }

    @Test("a program that ends before it reads anything blames no event")
    func broken() throws {
        let bench = try ExecBench()
        let stage = ExecStage(ExecBench.program(try bench.python("say(e)", before: "import nothing_of_that_name")))
        for _ in 0..<3 {
            #expect(
                try bench.run(stage, try ExecBench.events(0..<3)).first?.hasPrefix(
                    "not ready: the program ended before it read an event: died (exit 1)") == true)
        }
        #expect(bench.log.contains("program says", "nothing_of_that_name"))
    }

    @Test("a program that closes its output and keeps running is killed")
    func closedPipe() throws {
        let bench = try ExecBench()
        let options = ExecOptions(command: ["sh", "-c", "read line; exec >&-; sleep 1000"])
        #expect(
            try bench.run(ExecStage(ExecBench.program(options)), try ExecBench.events([1]))
                == ["failed: the program closed its standard input or output over this event and was killed"])
    }

    @Test("two lanes share one process, and a lane that goes leaves the other's answers in step")
    func shared() throws {
        let bench = try ExecBench()
        let program = ExecBench.program(
            try bench.python(
                """
                if e["n"] == 0: print("begins", file=sys.stderr, flush=True)
                time.sleep(0.001)
                e["s"] = 1
                say(e)
                """))
        let stage = ExecStage(program)
        var leaver: ExecStage? = ExecStage(program)
        leaver?.prepare(try ExecBench.events(0..<100), context: bench.context()) { _ in Issue.record("it has gone") }
        try bench.runner.run { bench.log.contains("line=begins") }
        leaver = nil
        #expect(
            try bench.run(stage, try ExecBench.events(500..<600))
                == (500..<600).map { #"{"thread":"1","n":\#($0),"s":1}"# })
        #expect(bench.log.lines.filter { $0.contains("program started") }.count == 1)
    }

    @Test("the program ends with its owner, even when it hangs")
    func owner() throws {
        let bench = try ExecBench()
        var program: ExecProgram? = ExecBench.program(
            try bench.python(
                "print('hangs', file=sys.stderr, flush=True)\ntime.sleep(1000)",
                before: "signal.signal(15, signal.SIG_IGN)"))
        var stage: ExecStage? = program.map(ExecStage.init)
        stage?.prepare(try ExecBench.events([1]), context: bench.context()) { _ in }
        let pid = try #require(program?.pid)
        try bench.runner.run { bench.log.contains("line=hangs") }
        #expect(ExecBench.lives(pid))
        stage = nil
        program = nil
        #expect(!ExecBench.lives(pid))
    }

    @Test("the program ends with the thread that started it, however that ends")
    func parent() throws {
        // The kernel sends the signal of a parent's death when its thread ends: a thread stands for a killed worker.
        let pid = Mutex<Int32>(0)
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            // Never released, as in a killed process.
            if let child = try? ExecChild(on: LoopRunner().loop, command: ["sleep", "1000"]) {
                _ = Unmanaged.passRetained(child)
                pid.withLock { $0 = child.pid }
            }
            done.signal()
        }
        thread.start()
        done.wait()
        let child = pid.withLock { $0 }
        try #require(child > 0)
        var status: Int32 = 0
        try eventually { waitpid(child, &status, WNOHANG) == child }
        #expect(Subprocess.describe(status) == "signal 9")
    }
}
