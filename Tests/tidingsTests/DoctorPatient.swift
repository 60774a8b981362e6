import Pipeline
import TestSupport

/// A Redis with a small pipeline in it, for the doctor to look at: events that wait, a feed, no process.
final class DoctorPatient {
    let server: RedisServer

    init(arguments: [String] = []) throws {
        server = try RedisServer(
            appendOnly: .everysec, arguments: ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"] + arguments)
        let events = (0..<20).map { #"{"thread":"t\#($0)","text":"number \#($0)"}"# }.joined(separator: "\n")
        let result = try TidingsBinary.run(["enqueue", "--redis", server.url], input: events)
        guard result.succeeded else { throw TestSupportError("enqueue failed: \(result.errors)") }
        for number in 1...10 {
            try server.cli("FCALL", "tidings_publish", "0", "thread:1", "100", "60000", "{\"number\":\(number)}")
        }
    }

    /// Runs redis-cli lines, word by word.
    func plant(_ commands: [[String]]) throws {
        for command in commands { try server.cli(command) }
    }

    /// What `tidings doctor ARGUMENTS` writes.
    func doctor(_ arguments: String...) throws -> CommandResult {
        try TidingsBinary.run(["doctor", "--redis", server.url] + arguments)
    }

    /// What `tidings doctor --json ARGUMENTS` says.
    func report(_ arguments: String...) throws -> DoctorFindings {
        let result = try TidingsBinary.run(["doctor", "--json", "--redis", server.url] + arguments)
        guard result.exit == .code(0) || result.exit == .code(1) else {
            throw TestSupportError("doctor ended with \(result.exit): \(result.errors)")
        }
        return DoctorFindings(json: try ParsedJSON(parsing: result.output), exit: result.exit)
    }

    /// All that Redis holds, in a form that is the same when nothing has changed.
    func content() throws -> [String] {
        let client = try TestSupport.RedisClient(server)
        let settings = try server.cli("CONFIG", "GET", "*max*") + server.cli("CONFIG", "GET", "append*")
        return try client.dump() + [settings, server.cli("FUNCTION", "LIST")]
    }
}
