import ArgumentParser
import Console
import Events
import Glibc
import Pipeline
import Supervision

/// Becomes another program that ends when its parent does: how the supervisor starts what it did not write.
struct Under: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "under", abstract: "Run a program that ends with its parent.", shouldDisplay: false)

    @Option(name: .long, help: "Process id of the parent.")
    var parent: Int32

    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
    var command: [String]

    func run() throws {
        ParentDeath.deliver(SIGTERM, ofParent: parent)
        let words = command.first == "--" ? Array(command.dropFirst()) : command
        guard let program = words.first else { throw ValidationError("name a program to run") }
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        argv.append(nil)
        execvp(program, argv)
        throw CommandError("cannot run \(program): \(String(cString: strerror(errno)))")
    }
}
