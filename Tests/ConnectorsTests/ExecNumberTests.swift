import JSON
import Pipeline
import TestSupport
import Testing

@testable import Connectors

/// Real programs that break the rule of one answer a line, in order.
@Suite("a program that answers out of order, twice, or not at all")
struct ExecNumberTests {
    private func passed(_ numbers: some Sequence<Int>) -> [String] {
        numbers.map { #"{"thread":"1","n":\#($0)}"# }
    }

    @Test("answers out of order within a conversation go on in the order of its events")
    func outOfOrder() throws {
        let bench = try ExecBench()
        let body = """
            held.append(e)
            if len(held) == 4:
                for answer in reversed(held): say(answer)
                held.clear()
            """
        let stage = ExecStage(ExecBench.program(try bench.python(body, before: "held = []")))
        #expect(try bench.run(stage, try ExecBench.events(0..<400)) == passed(0..<400))
        #expect(!bench.log.contains("program ended"))
    }

    @Test("a second answer is the program's fault: it is killed, and no event is blamed or answered twice")
    func twice() throws {
        let bench = try ExecBench()
        let stage = ExecStage(ExecBench.program(try bench.python("say(e)\nif e['n'] == 2: say(e)")))
        #expect(try bench.run(stage, try ExecBench.events(0..<6)) == passed(0..<6))
        try bench.runner.run { bench.log.contains("program ended", "killed: it wrote a second answer to line 3: {") }
    }

    @Test("a program that answers each line twice gets through its events, a run for each, and none is blamed")
    func alwaysTwice() throws {
        let bench = try ExecBench()
        let stage = ExecStage(ExecBench.program(try bench.python("say([e, e])\nsay(e)")))
        #expect(try bench.run(stage, try ExecBench.events(0..<5)) == passed(0..<5).map { "\($0) \($0)" })
        #expect(bench.log.lines.filter { $0.contains("program started") }.count >= 5)
    }

    @Test("an answer to a line that the program was never given is blamed on the event that it left unanswered")
    func unknown() throws {
        let bench = try ExecBench()
        let stage = ExecStage(ExecBench.program(try bench.python("if e['n'] == 2: e['_line'] = 99\nsay(e)")))
        #expect(
            try bench.run(stage, try ExecBench.events(0..<6)) == passed(0..<2) + [
                "failed: the program wrote an answer to a line that it was not given (99) over this event "
                    + "and was killed"
            ])
    }

    @Test("the event that a program leaves out is blamed, not the last one of those after it")
    func leftOut() throws {
        let bench = try ExecBench()
        var options = try bench.python("if e['n'] != 2: say(e)")
        options.timeout = 300
        let results = try bench.run(ExecStage(ExecBench.program(options)), try ExecBench.events(0..<6))
        #expect(results.dropLast() == passed(0..<2)[...])
        #expect(results.last?.hasPrefix("failed: the program gave no answer to this event within 300 ms") == true)
    }

    @Test("with line numbers off, the program sees the event as it is, and its own member of that name stays")
    func off() throws {
        let bench = try ExecBench()
        var options = try bench.python("e['seen'] = sorted(e)\nsay(e)")
        options.lineNumbers = false
        let events = try [#"{"thread":"1"}"#, #"{"thread":"1","_line":8}"#].map(ExecBench.event)
        #expect(
            try bench.run(ExecStage(ExecBench.program(options)), events) == [
                #"{"thread":"1","seen":["thread"]}"#, #"{"thread":"1","_line":8,"seen":["_line","thread"]}"#,
            ])
    }

    @Test("a poster's own number does not confuse the program, and comes back")
    func forged() throws {
        let bench = try ExecBench()
        let stage = ExecStage(ExecBench.program(try bench.python("say(e)")))
        let events = try (0..<4).map { try ExecBench.event(#"{"_line":1,"thread":"1","n":\#($0)}"#) }
        #expect(try bench.run(stage, events) == (0..<4).map { #"{"_line":1,"thread":"1","n":\#($0)}"# })
        #expect(!bench.log.contains("program ended"))
    }
}
