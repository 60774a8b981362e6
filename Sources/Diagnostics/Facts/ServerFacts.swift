import Events
import Pipeline
import Redis

/// What Redis says about itself in INFO, and how it is reached.
struct ServerFacts {
    /// Whether it runs on this host: reached by a unix socket or the loopback.
    var isLocal = true
    var isUnixSocket = true
    /// The fields of INFO that were gathered.
    var info: [String: String] = [:]
    /// Why INFO was refused.
    var infoDenied: String?

    init(address: RedisAddress) {
        guard case .tcp(let host, _) = address.endpoint else { return }
        isUnixSocket = false
        isLocal = host.hasPrefix("127.") || host == "localhost" || host == "::1"
    }

    init(info: [String: String] = [:]) {
        self.info = info
    }

    /// A number out of INFO.
    func number(_ field: String) -> Int64? { info[field].flatMap { Int64($0) } }
}

/// The settings of Redis, as CONFIG GET tells them.
struct ServerSettings {
    var values: [String: String] = [:]
    /// Why CONFIG was refused.
    var denied: String?

    /// Those that rules judge.
    static let names = [
        "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy", "client-output-buffer-limit", "timeout",
        "tcp-keepalive", "maxclients", "dir", "save", "stop-writes-on-bgsave-error", "disable-thp",
    ]

    subscript(name: String) -> String? { values[name] }

    func number(_ name: String) -> Int64? { values[name].flatMap { Int64($0) } }
}

/// What trying Redis out has shown.
struct ServerProbes {
    /// A command that took long, from the slow log.
    struct SlowCall {
        /// Seconds since 1970.
        var time: Int64
        var microseconds: Int64
        /// The command and its first argument.
        var command: String
    }

    /// Round trips of PING, in microseconds.
    var pings: [Int64] = []
    var slowCalls: [SlowCall] = []
    /// Why CLIENT TRACKING is not allowed.
    var trackingDenied: String?
    /// The version of the function library `tidings`; nil: not loaded.
    var libraryVersion: Int64?
    /// The server's clock, in ms since 1970.
    var time: Int64 = 0
    /// This host's clock at that moment, in ms since 1970.
    var localTime: Int64 = 0
}

/// Asks Redis about itself. Writes nothing.
struct ServerSurvey {
    let client: BlockingRedis
    let address: RedisAddress

    func facts() throws -> (ServerFacts, ServerSettings, ServerProbes) {
        var facts = ServerFacts(address: address)
        var probes = ServerProbes()
        let before = Clock.unixMilliseconds()
        let replies = try client.results(of: [
            RedisCommand("TIME"), RedisCommand("INFO"), RedisCommand("FCALL_RO", "tidings_version", "0"),
            // Tracking is off on this connection: switching it off shows whether the user may use it.
            RedisCommand("CLIENT", "TRACKING", "OFF"), RedisCommand("SLOWLOG", "GET", "128"),
        ])
        probes.localTime = (before + Clock.unixMilliseconds()) / 2
        probes.time = ServerSurvey.milliseconds(try replies[0].get()) ?? probes.localTime
        switch replies[1] {
        case .success(let value): facts.info = BlockingRedis.fields(value.text ?? "")
        case .failure(let error): facts.infoDenied = error.message
        }
        probes.libraryVersion = try? replies[2].get().integer
        if case .failure(let error) = replies[3] { probes.trackingDenied = error.message }
        probes.slowCalls = ((try? replies[4].get())?.array ?? []).compactMap(ServerSurvey.slowCall)
        let settings = try settings()
        for _ in 0..<20 {
            let start = Clock.monotonicNanoseconds()
            _ = try client.call("PING")
            probes.pings.append((Clock.monotonicNanoseconds() - start) / 1000)
        }
        return (facts, settings, probes)
    }

    /// The reply to TIME, in ms since 1970.
    static func milliseconds(_ value: RedisValue) -> Int64? {
        guard let words = value.array, words.count == 2, let seconds = words[0].integer, let micros = words[1].integer
        else { return nil }
        return seconds * 1000 + micros / 1000
    }

    private func settings() throws -> ServerSettings {
        var settings = ServerSettings()
        // A command for each: a server that does not know one of them still tells the others.
        let commands = ServerSettings.names.map { RedisCommand("CONFIG", "GET", $0) }
        for reply in try client.results(of: commands) {
            switch reply {
            case .success(let value): settings.values.merge(value.pairs) { $1 }
            case .failure(let error): settings.denied = error.message
            }
        }
        return settings
    }

    private static func slowCall(_ entry: RedisValue) -> ServerProbes.SlowCall? {
        guard let words = entry.array, words.count >= 4, let time = words[1].integer, let micros = words[2].integer
        else { return nil }
        let command = (words[3].array ?? []).prefix(2).compactMap(\.text).joined(separator: " ")
        return ServerProbes.SlowCall(time: time, microseconds: micros, command: String(command.prefix(80)))
    }
}
