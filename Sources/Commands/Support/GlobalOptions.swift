import ArgumentParser
import Configuration
import Console
import Glibc
import Logging
import Redis
import Supervision

/// What every command takes. Flag over environment over `tidings.yaml` over default.
struct GlobalOptions: ParsableArguments {
    @Option(name: .long, help: "Configuration file. (env TIDINGS_CONFIG; default: tidings.yaml where there is one)")
    var config: String?

    @Option(
        name: .long,
        help: """
            Redis: redis://[user:password@]host:port/db or unix:///path. (env TIDINGS_REDIS; default: the server of a \
            running 'tidings up', else redis://127.0.0.1:6379/0)
            """)
    var redis: String?

    @Option(
        name: .long,
        help: "Folder that 'tidings up' keeps its data in. (env TIDINGS_DATA; default: ~/.local/state/tidings)")
    var data: String?

    @Option(
        name: .long,
        help: "Least important log lines to show: trace, debug, info, notice, warning, error. (env TIDINGS_LOG)")
    var log: String?

    /// The configuration, read from where the flag, the environment or the working folder has it.
    func configuration() throws -> Configuration {
        try Configuration(path: config ?? Terminal.environment("TIDINGS_CONFIG"))
    }

    /// The address that somebody has named: flag, environment or file.
    func namedRedis(_ configuration: Configuration) throws -> RedisAddress? {
        try (redis ?? Terminal.environment("TIDINGS_REDIS") ?? configuration.redis).map(RedisAddress.init(url:))
    }

    /// The address to use: the one that is named, else that of a running `tidings up`, else the usual port.
    func redisAddress(_ configuration: Configuration) throws -> RedisAddress {
        if let named = try namedRedis(configuration) { return named }
        let socket = DataFolder(path: dataPath).socket
        if access(socket, F_OK) == 0 { return RedisAddress(endpoint: .unix(path: socket)) }
        return RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: 6379))
    }

    var dataPath: String {
        if let path = data ?? Terminal.environment("TIDINGS_DATA") { return path }
        let state = Terminal.environment("XDG_STATE_HOME") ?? (Terminal.environment("HOME") ?? ".") + "/.local/state"
        return state + "/tidings"
    }

    func logger(_ label: String) throws -> Logger {
        let name = log ?? Terminal.environment("TIDINGS_LOG") ?? "info"
        guard let level = Logger.Level(rawValue: name) else {
            throw ValidationError("'\(name)' is no log level; write trace, debug, info, notice, warning or error")
        }
        return Logger(label: label) { LineLogHandler(label: $0, level: level) }
    }
}
