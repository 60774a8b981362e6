import TestSupport
import Testing

/// The simulator moves the clocks of its whole process, so it runs in one of its own.
@Suite struct SimulateTests {
    @Test func `ten seconds of drawn schedules break no promise`() throws {
        let result = try run("--seed", "1", "--seconds", "10")
        #expect(result.succeeded, "\(result.output)\(result.errors)")
    }

    @Test func `no scenario breaks a promise (any more)`() throws {
        let result = try run("--scenario", "all")
        #expect(result.succeeded, "\(result.output)\(result.errors)")
    }

    @Test func `a schedule in a file is run`() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("options workers=1 edges=1\nstart w0\nstart e0\nsettle 500\n", to: "schedule.txt")
        let result = try run("--replay", file)
        #expect(result.succeeded)
        #expect(result.output.contains("nothing found"))
    }

    @Test(arguments: [["--scenario", "none"], ["--replay", "/no/such/file"]])
    func `wrong use is explained`(_ arguments: [String]) throws {
        let result = try ChildProcess.run(BuiltProgram.path(of: "Simulate"), arguments, within: 60)
        #expect(!result.succeeded)
        #expect(result.errors.contains(arguments[1]))
    }

    private func run(_ arguments: String...) throws -> CommandResult {
        try ChildProcess.run(BuiltProgram.path(of: "Simulate"), arguments, within: 300)
    }
}
