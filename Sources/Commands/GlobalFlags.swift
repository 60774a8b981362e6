import ArgumentParser
import Configuration
import Console
import Glibc
import Logging
import Redis
import Supervision

/// What every command takes. Flag over environment over `tidings.yaml` over default.
struct GlobalFlags: ParsableArguments {
    enum Group: SettingGroup {
        static let settings = Settings.Global.flags
    }

    @OptionGroup var flags: SettingFlags<Group>

    var config: String? { flags.text(Settings.Global.config) }
    var data: String? { flags.text(Settings.Global.data) }
    var log: String? { flags.text(Settings.Global.log) }

    /// The configuration, from the file that the flag or the environment names, or from the working folder.
    func configuration() throws -> Configuration {
        // Only the default file may be missing.
        let named = config ?? Settings.Global.config.variable.flatMap(Terminal.environment)
        return try Configuration(path: named)
    }

    /// The address that the flag, the environment or the file names; nil: none does.
    func namedRedis(_ configuration: Configuration) throws -> RedisAddress? {
        try flags.value(Settings.Global.redis, file: configuration.redis).map(RedisAddress.init(url:))
    }

    /// The address to use: the named one, else that of a running `tidings up`, else the usual port.
    func redisAddress(_ configuration: Configuration) throws -> RedisAddress {
        if let named = try namedRedis(configuration) { return named }
        let socket = DataFolder(path: dataPath).socket
        if access(socket, F_OK) == 0 { return RedisAddress(endpoint: .unix(path: socket)) }
        return RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: 6379))
    }

    /// The folder in which `tidings up` keeps its data.
    var dataPath: String {
        // Any text is a path: nothing is thrown.
        if let path = try? flags.value(Settings.Global.data) { return path }
        let state = Terminal.environment("XDG_STATE_HOME") ?? (Terminal.environment("HOME") ?? ".") + "/.local/state"
        return state + "/tidings"
    }

    func logger(_ label: String) throws -> Logger {
        let level = Logger.Level(rawValue: try flags.value(Settings.Global.log)) ?? .info
        return Logger(label: label) { LineLogHandler(label: $0, level: level) }
    }
}
