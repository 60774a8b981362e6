package import ArgumentParser
import Console
import Glibc
import Supervision

/// The command `tidings`.
package struct Tidings: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tidings",
        abstract: "A realtime comment pipeline on Redis: enqueue comments, work them in stages, push them to readers.",
        discussion: """
            Examples:
              tidings up                              everything on one machine, with its own Redis
              tidings enqueue comments.ndjson         put comments in, one JSON object a line
              tidings status --watch                  queues, lanes and processes
            """,
        version: "0.1.0",
        subcommands: [
            Up.self, Work.self, EdgeCommand.self, Enqueue.self, Status.self, Dead.self, Held.self, Pause.self,
            Resume.self, Purge.self, FeedCommand.self, QueueCommand.self, JobCommand.self, Token.self, Doctor.self,
            Bench.self, Under.self,
        ])

    /// Exit codes: 0 done, 1 failed, 2 wrong use, 75 try again later. Errors are one line on standard error.
    package init() {}

    package static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            if let known = CommandError(of: error) { fail(known.description, known.exitCode) }
            let code = exitCode(for: error)
            if code == .success {
                // Help and version are errors to the parser.
                Terminal.write(fullMessage(for: error) + "\n")
                Glibc.exit(0)
            }
            Terminal.writeError(fullMessage(for: error) + "\n")
            Glibc.exit(code == .validationFailure ? 2 : 1)
        }
    }

    private static func fail(_ message: String, _ code: Int32) -> Never {
        Terminal.writeError("tidings: \(message)\n")
        Glibc.exit(code)
    }
}
