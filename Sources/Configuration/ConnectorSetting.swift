import Connectors
package import Pipeline
import Yams

/// Stages that reach outside, with names of the user's own: their options say what they are.
///
/// `score: { exec: [python3, score.py] }`, `notify: { webhook: https://… }`, `archive: { file: comments.ndjson }`.
package enum ConnectorSetting {
    /// What a stage may be, for error messages.
    package static let examples =
        "'{ exec: [PROGRAM, …] }', '{ webhook: URL, secret: … }', '{ file: PATH }' or '{ pass: true }'"

    /// The maker for a stage of these options; nil when they name no connector.
    package static func factory(_ options: ConfigurationNode) throws -> StageFactory? {
        guard let mapping = options.node.mapping else { return nil }
        let names = Set(mapping.keys.compactMap(\.string))
        if names.contains("exec") { return try exec(options) }
        if names.contains("webhook") { return try webhook(options) }
        if names.contains("file") { return try file(options) }
        return nil
    }

    private static func exec(_ options: ConfigurationNode) throws -> StageFactory {
        let members = try options.members(
            known: ["exec", "timeout", "start_timeout", "in_flight", "in_flight_bytes", "max_line"])
        guard let node = members["exec"], case let command = try node.strings(), !command.isEmpty else {
            throw options.error("expected a program and its arguments, such as 'exec: [python3, score.py]'")
        }
        var result = ExecOptions(command: command)
        if let node = members["timeout"] { result.timeout = try node.duration(atLeast: 10, atMost: 3_600_000) }
        if let node = members["start_timeout"] {
            result.startTimeout = try node.duration(atLeast: 100, atMost: 3_600_000)
        }
        if let node = members["in_flight"] { result.inFlight = try node.integer(in: 1...100_000) }
        if let node = members["in_flight_bytes"] { result.inFlightBytes = try node.size(in: 1024...(1 << 30)) }
        if let node = members["max_line"] { result.maxLine = try node.size(in: 1024...(64 << 20)) }
        // One program for all lanes of the stage in this process.
        let program = ExecProgram(result)
        return { ExecStage(program) }
    }

    private static func webhook(_ options: ConfigurationNode) throws -> StageFactory {
        let members = try options.members(
            known: ["webhook", "secret", "secret_env", "secret_file", "timeout", "in_flight", "types", "ca_file"])
        guard let node = members["webhook"] else { throw options.error("names no URL") }
        let secret = try SecretSource(members, of: options)
        var result = WebhookOptions(url: try node.string(), secret: SecretSource.example)
        if let node = members["timeout"] { result.timeout = try node.duration() }
        if let node = members["in_flight"] { result.inFlight = try node.integer(in: 1...256) }
        if let node = members["types"] { result.types = Set(try node.strings()) }
        if let node = members["ca_file"] { result.caFile = try node.string() }
        do throws(ConnectorsError) {
            try result.validate()
        } catch {
            throw node.error(error.message)
        }
        // Only who runs the stage needs the secret. One client for all lanes in this process: they share its connections.
        let template = result
        var client: WebhookClient?
        return {
            if let client { return WebhookStage(client) }
            var options = template
            options.secret = try secret.read()
            do throws(ConnectorsError) {
                let made = try WebhookClient(options)
                client = made
                return WebhookStage(made)
            } catch {
                throw node.error(error.message)
            }
        }
    }

    private static func file(_ options: ConfigurationNode) throws -> StageFactory {
        let members = try options.members(known: ["file", "rotate", "keep", "sync"])
        guard let node = members["file"] else { throw options.error("names no file") }
        var result = FileOptions(path: try node.string())
        if let node = members["rotate"] { result.rotate = try node.size(in: 4096...(1 << 50)) }
        if let node = members["keep"] { result.keep = try node.integer(in: 0...1_000_000) }
        if let node = members["sync"] { result.sync = try node.bool() }
        let final = result
        return { FileStage(final) }
    }
}
