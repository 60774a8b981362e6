import TestSupport
import Testing

/// The simulator moves the clocks of its whole process, so it runs in one of its own.
struct DeterminismTests {
    @Test func `The same seeds give the same trace, byte for byte`() throws {
        let program = try BuiltProgram.path(of: "Simulate")
        let arguments = ["--seed", "7", "--schedules", "8", "--continued", "--long", "--trace"]
        let traces = try (0..<2).map { _ in
            try ChildProcess.run(program, arguments, within: 120).output.split(separator: "\n")
                // The last line says how fast it was.
                .filter { !$0.contains("schedules a minute") }
        }
        #expect(traces[0].count > 1000)
        let difference = zip(traces[0], traces[1]).first { $0 != $1 }
        #expect(difference == nil)
        #expect(traces[0].count == traces[1].count)
    }
}
