import Events
import Pipeline
import Redis
import Store

/// Asks Redis about itself. Writes nothing.
struct ServerSurvey {
    let client: BlockingRedis
    let address: RedisAddress

    private static let settings = [
        "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy", "client-output-buffer-limit", "timeout",
        "tcp-keepalive", "maxclients", "dir", "save", "stop-writes-on-bgsave-error", "disable-thp",
    ]

    func facts() throws -> ServerFacts {
        var facts = ServerFacts()
        switch address.endpoint {
        case .unix: break
        case .tcp(let host, _):
            facts.isUnixSocket = false
            facts.isLocal = host.hasPrefix("127.") || host == "localhost" || host == "::1"
        }
        let before = Clock.unixMilliseconds()
        let answers = try client.results(of: [
            RedisCommand("TIME"), RedisCommand("INFO"), FunctionCall.version.command,
            // Switches off what is not on: shows whether it would be allowed.
            RedisCommand("CLIENT", "TRACKING", "OFF"), RedisCommand("SLOWLOG", "GET", "128"),
        ])
        facts.localTime = (before + Clock.unixMilliseconds()) / 2
        facts.time = ServerSurvey.milliseconds(try answers[0].get()) ?? facts.localTime
        switch answers[1] {
        case .success(let value): facts.info = BlockingRedis.fields(value.text ?? "")
        case .failure(let error): facts.infoDenied = error.message
        }
        facts.libraryVersion = try? FunctionCall.version.answer(from: answers[2]).get()
        if case .failure(let error) = answers[3] { facts.trackingDenied = error.message }
        facts.slowCalls = ((try? answers[4].get())?.array ?? []).compactMap(ServerSurvey.slowCall)
        try readSettings(into: &facts)
        for _ in 0..<20 {
            let start = Clock.monotonicNanoseconds()
            _ = try client.call("PING")
            facts.pings.append((Clock.monotonicNanoseconds() - start) / 1000)
        }
        return facts
    }

    /// The answer to TIME, in ms since 1970.
    static func milliseconds(_ value: RedisValue) -> Int64? {
        guard let words = value.array, words.count == 2, let seconds = words[0].integer, let micros = words[1].integer
        else { return nil }
        return seconds * 1000 + micros / 1000
    }

    private func readSettings(into facts: inout ServerFacts) throws {
        // One by one: a server that does not know one of them still tells the others.
        let commands = ServerSurvey.settings.map { RedisCommand("CONFIG", "GET", $0) }
        for answer in try client.results(of: commands) {
            switch answer {
            case .success(let value): facts.settings.merge(value.pairs) { $1 }
            case .failure(let error): facts.settingsDenied = error.message
            }
        }
    }

    private static func slowCall(_ entry: RedisValue) -> ServerFacts.SlowCall? {
        guard let words = entry.array, words.count >= 4, let time = words[1].integer, let micros = words[2].integer
        else { return nil }
        let command = (words[3].array ?? []).prefix(2).compactMap(\.text).joined(separator: " ")
        return ServerFacts.SlowCall(time: time, microseconds: micros, command: String(command.prefix(80)))
    }
}
