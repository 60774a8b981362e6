import TestSupport
import Testing

/// What a newcomer finds in the help, and what is said of a mistyped command.
struct HelpTests {
    private static func help(_ arguments: String...) throws -> String {
        let result = try TidingsBinary.run(arguments)
        #expect(result.exit == .code(0), "\(result.errors)")
        return result.output
    }

    /// The flags at the beginning of a line, in their order.
    private static func flags(in help: String) -> [Substring] {
        help.split(separator: "\n").filter { $0.hasPrefix("  --") }
            .compactMap { $0.split { " /".contains($0) }.first }
    }

    @Test("help begins with examples, and the flags that a newcomer needs stand before all others")
    func order() throws {
        let up = try Self.help("help", "up")
        #expect(try Self.help("up", "--help") == up)
        let example = try #require(up.firstRange(of: "\n  tidings up --listen"))
        let usage = try #require(up.firstRange(of: "\nUSAGE: tidings up"))
        #expect(example.lowerBound < usage.lowerBound)
        #expect(
            Self.flags(in: up).prefix(8) == [
                "--listen", "--workers", "--edges", "--demo", "--config", "--redis", "--data", "--log",
            ])
        #expect(Self.flags(in: try Self.help("edge", "--help")).prefix(2) == ["--listen", "--workers"])
        #expect(Self.flags(in: try Self.help("work", "--help")).first == "--workers")
        // What a command does stands before what every command takes.
        #expect(Self.flags(in: try Self.help("status", "--help")).prefix(3) == ["--json", "--watch", "--config"])
    }

    @Test("the limits of an edge are on a page of their own, which up and edge show")
    func limits() throws {
        for command in ["up", "edge"] {
            let help = try Self.help(command, "--help")
            #expect(!help.contains("--max-connections") && help.contains("--help-limits"), "\(help)")
            let limits = try Self.help(command, "--help-limits")
            #expect(Self.flags(in: limits).first == "--max-connections", "\(limits)")
            #expect(limits.contains("TIDINGS_MAX_CONNECTIONS") && !limits.contains("--listen"), "\(limits)")
        }
        // They are taken all the same.
        let wrong = try TidingsBinary.run(["edge", "--max-connections", "none"])
        #expect(wrong.exit == .code(2) && wrong.errors.contains("--max-connections takes 1 to"), "\(wrong.errors)")
    }

    @Test(
        "a mistyped command is refused with the one that it may mean",
        arguments: [
            ("statsu", "no command 'statsu'; did you mean 'tidings status'?"),
            ("help statsu", "no command 'statsu'; did you mean 'tidings status'?"),
            ("stat --json", "no command 'stat'; did you mean 'tidings status'?"),
            ("dead lst", "'tidings dead' has no command 'lst'; did you mean 'tidings dead list'?"),
            ("help dead lst", "'tidings dead' has no command 'lst'; did you mean 'tidings dead list'?"),
            ("bench pipelin", "'tidings bench' has no command 'pipelin'; did you mean 'tidings bench pipeline'?"),
            ("approve", "no command 'approve'; did you mean 'tidings held approve'?"),
            ("nonsense", "no command 'nonsense'; 'tidings help' lists those that there are"),
            ("dead nonsense", "'tidings dead' has no command 'nonsense'; 'tidings help dead' lists those"),
            ("status --wach", "Unknown option '--wach'. Did you mean '--watch'?"),
        ])
    func mistyped(line: String, expected: String) throws {
        let result = try TidingsBinary.run(line.split(separator: " ").map(String.init))
        #expect(result.exit == .code(2))
        #expect(result.output.isEmpty && result.errors.contains(expected), "\(result.errors)")
    }
}
