package import ArgumentParser
import Configuration
import Console
import Glibc
import Pipeline
import Redis
import Supervision
import Thoonk

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
            Resume.self, Purge.self, ThreadCommand.self, EraseCommand.self, ExportCommand.self, FeedCommand.self,
            QueueCommand.self, JobCommand.self, Token.self, Doctor.self,
            Bench.self,
        ])

    /// Exit codes: 0 done, 1 failed, 2 wrong use, 75 try again later. Errors are one line on standard error.
    package init() {}

    package static func main() {
        do {
            try CommandNames(root: Tidings.self).check(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot()
            try command.run()
        } catch {
            if let known = CommandError(of: error) { fail(known.description, known.exitCode) }
            let code = exitCode(for: error)
            if code == .success {
                // The parser throws help and version as errors.
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

extension CommandError {
    /// The line and exit code for an error of this program's modules; nil for other errors, such as the argument
    /// parser's.
    init?(of error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as ConfigurationError: self.init(error.description, exitCode: 2)
        case let error as RedisError:
            self.init(error.message, exitCode: error.code == .address ? 2 : error.isTransient ? 75 : 1)
        case let error as PipelineError:
            self.init(error.message, exitCode: CommandError.isTransient(error) ? 75 : 1)
        case let error as SpawnError: self.init(error.message)
        case let error as ThoonkError: self.init(error.message, exitCode: error.exitCode)
        case let error as ItemOutput.Failure: self.init(error.description)
        default: return nil
        }
    }

    private static func isTransient(_ error: PipelineError) -> Bool {
        switch error.code {
        case .full, .skipped: true
        // Trying again does not help with a key of the wrong type.
        case .redis: error.underlying?.isTransient ?? true
        case .differs, .invalid, .closed: false
        }
    }
}
