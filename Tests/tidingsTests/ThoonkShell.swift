import Supervision
import TestSupport

/// A Redis of the test's own, and commands of `tidings` run on it, one process each.
struct ThoonkShell {
    let server: RedisServer

    init() throws {
        server = try RedisServer()
    }

    /// Runs a command to its end.
    func run(_ words: String..., input: String = "") throws -> CommandResult {
        try TidingsBinary.run(words, environment: ["TIDINGS_REDIS": server.url], input: input)
    }

    /// The lines of a command's output.
    ///
    /// - Throws: ``TestSupportError`` when it fails or complains.
    func lines(_ words: String..., input: String = "") throws -> [String] {
        let result = try TidingsBinary.run(words, environment: ["TIDINGS_REDIS": server.url], input: input)
        guard result.succeeded, result.errors.isEmpty else {
            throw TestSupportError("\(words): \(result.exit) \(result.errors)")
        }
        return result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// The same as JSON objects.
    func objects(_ words: String..., input: String = "") throws -> [ParsedJSON] {
        let result = try TidingsBinary.run(
            words + ["--json"], environment: ["TIDINGS_REDIS": server.url], input: input)
        guard result.succeeded, result.errors.isEmpty else {
            throw TestSupportError("\(words): \(result.exit) \(result.errors)")
        }
        return try result.output.split(separator: "\n").map { try ParsedJSON(parsing: String($0)) }
    }

    /// Starts a command and returns at once.
    func launch(_ words: String...) throws -> ChildProcess {
        try TidingsBinary.launch(words, environment: ["TIDINGS_REDIS": server.url])
    }
}
