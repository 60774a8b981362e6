import Connectors
package import Pipeline

/// Stages that reach outside, with names of the user's own: their options say what they are.
///
/// `score: { exec: [python3, score.py] }`, `notify: { webhook: https://… }`, `archive: { file: comments.ndjson }`.
package enum ConnectorSetting {
    /// What a stage may be, for error messages.
    package static let examples =
        "'{ exec: [PROGRAM, …] }', '{ webhook: URL, secret: … }', '{ file: PATH }' or '{ pass: true }'"

    static var allOptions: [any SettingDeclaration] { execOptions + webhookOptions + fileOptions }

    /// The maker for a stage of these options; nil when they name no connector.
    package static func factory(_ options: ConfigurationNode) throws -> StageFactory? {
        let names = Set(options.keys)
        if names.contains(command.name) { return try exec(options) }
        if names.contains(url.name) { return try webhook(options) }
        if names.contains(path.name) { return try file(options) }
        return nil
    }

    /// Whether a stage of these options writes archives.
    static func isArchive(_ options: ConfigurationNode) -> Bool { options.keys.contains(path.name) }
}

extension ConnectorSetting {
    private static let command = CompoundSetting(
        key: "stages.exec.exec", otherwise: nil, "A program and its arguments")
    private static let execFields: [SettingField<ExecOptions>] = [
        SettingField(
            Setting(
                key: "stages.exec.timeout", .time(10...3_600_000), default: ExecOptions(command: []).timeout,
                "How long one event may take"), \.timeout),
        SettingField(
            Setting(
                key: "stages.exec.start_timeout", .time(100...3_600_000),
                default: ExecOptions(command: []).startTimeout, "How long the start of the program may take"),
            \.startTimeout),
        SettingField(
            Setting(
                key: "stages.exec.in_flight", .integer(1...100_000), default: ExecOptions(command: []).inFlight,
                "Events given before the first is answered"), \.inFlight),
        SettingField(
            Setting(
                key: "stages.exec.in_flight_bytes", .size(1024...(1 << 30)),
                default: ExecOptions(command: []).inFlightBytes, "Bytes given before the first is answered"),
            \.inFlightBytes),
        SettingField(
            Setting(
                key: "stages.exec.max_line", .size(1024...(64 << 20)), default: ExecOptions(command: []).maxLine,
                "The longest line"), \.maxLine),
        SettingField(
            Setting(
                key: "stages.exec.line_numbers", .bool, default: ExecOptions(command: []).lineNumbers,
                "Number the lines, so that answers may be out of order"), \.lineNumbers),
    ]
    private static var execOptions: [any SettingDeclaration] { [command] + execFields.map(\.setting) }

    private static func exec(_ options: ConfigurationNode) throws -> StageFactory {
        let members = try options.members(of: execOptions)
        guard let node = members[command.name], case let words = try node.strings(), !words.isEmpty else {
            throw options.error("expected a program and its arguments, such as 'exec: [python3, score.py]'")
        }
        var result = ExecOptions(command: words)
        try members.read(execFields, into: &result)
        // One program for all lanes of the stage in this process.
        let program = ExecProgram(result)
        return { ExecStage(program) }
    }
}

extension ConnectorSetting {
    private static let url = CompoundSetting(key: "stages.webhook.webhook", otherwise: nil, "The receiver's URL")
    private static let secrets = ["secret", "secret_env", "secret_file"].map { name in
        CompoundSetting(key: "stages.webhook.\(name)", otherwise: "one of them", "What signs")
    }
    private static let webhookDefaults = WebhookOptions(url: "", secret: "")
    private static let webhookFields: [SettingField<WebhookOptions>] = [
        SettingField(
            Setting(
                key: "stages.webhook.timeout", .time(WebhookOptions.timeouts), default: webhookDefaults.timeout,
                "How long a receiver may take for its whole answer"), \.timeout),
        SettingField(
            Setting(
                key: "stages.webhook.in_flight", .integer(WebhookOptions.inFlights), default: webhookDefaults.inFlight,
                "Requests at once for each lane"), \.inFlight),
        SettingField(
            Setting(
                key: "stages.webhook.types", .texts, default: [], otherwise: "all", "Event types that are sent")
        ) { $1.types = Set($0) },
        SettingField(
            Setting(
                key: "stages.webhook.ca_file", SettingForm.text().optional, default: nil, otherwise: "the system's",
                "Certificates to trust"), \.caFile),
    ]
    private static var webhookOptions: [any SettingDeclaration] { [url] + secrets + webhookFields.map(\.setting) }

    private static func webhook(_ options: ConfigurationNode) throws -> StageFactory {
        let members = try options.members(of: webhookOptions)
        guard let node = members[url.name] else { throw options.error("names no URL") }
        let secret = try SecretSource(members, of: options)
        var result = WebhookOptions(url: try node.string(), secret: SecretSource.example)
        try members.read(webhookFields, into: &result)
        do throws(ConnectorsError) {
            try result.validate()
        } catch {
            throw node.error(error.message)
        }
        // Only a process that runs the stage needs the secret. One client serves all lanes of this process: they share its
        // connections.
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
}

extension ConnectorSetting {
    private static let path = CompoundSetting(key: "stages.file.file", otherwise: nil, "An archive")
    private static let fileFields: [SettingField<FileOptions>] = [
        SettingField(
            Setting(
                key: "stages.file.rotate", SettingForm.size(4096...(1 << 50)).optional, default: nil,
                otherwise: "never", "Size at which a new file begins"), \.rotate),
        SettingField(
            Setting(
                key: "stages.file.keep", .integer(0...1_000_000), default: FileOptions(path: "").keep,
                "Old files kept; 0: all"), \.keep),
        SettingField(
            Setting(
                key: "stages.file.sync", .bool, default: FileOptions(path: "").sync, "Force each batch to disk"),
            \.sync),
    ]
    private static var fileOptions: [any SettingDeclaration] { [path] + fileFields.map(\.setting) }

    private static func file(_ options: ConfigurationNode) throws -> StageFactory {
        let members = try options.members(of: fileOptions)
        guard let node = members[path.name] else { throw options.error("names no file") }
        var result = FileOptions(path: try node.string())
        try members.read(fileFields, into: &result)
        let final = result
        return { FileStage(final) }
    }
}
