import Console
import Events
package import Pipeline
import Redis

/// Measures what a stretch of work costs a redis-server: processor time, commands, the longest call, and what stays.
///
/// It has a connection of its own: those of the work have buffers, which count as memory of the server while they are
/// open.
package struct RedisMeter {
    private let client: BlockingRedis
    private let logsCalls: Bool
    private let empty: RedisSnapshot
    private var start: RedisSnapshot
    private var end: RedisSnapshot

    /// From how many microseconds on a call counts as slow.
    package static let slow = 5000
    /// From how many microseconds on a call is logged. Redis logs the commands inside functions as well, most of which take
    /// less.
    package static let logged = 50

    /// Removes all data of the server, and waits until its append-only file is small again: it is not rewritten while the
    /// work runs.
    ///
    /// - Parameter logsCalls: whether Redis logs the calls from ``logged`` on, so that functions are told apart. That takes
    ///   it a few µs a call.
    package init(emptying client: BlockingRedis, logsCalls: Bool = false) throws {
        self.client = client
        self.logsCalls = logsCalls
        for (name, value) in [
            ("auto-aof-rewrite-percentage", "0"),
            ("slowlog-log-slower-than", String(logsCalls ? RedisMeter.logged : RedisMeter.slow)),
            ("slowlog-max-len", logsCalls ? "50000" : "1000"), ("latency-tracking-info-percentiles", "100"),
        ] {
            _ = try client.call("CONFIG", "SET", name, value)
        }
        _ = try client.call("FLUSHALL")
        _ = try client.call("BGREWRITEAOF")
        let deadline = Clock.monotonicMilliseconds() + 60_000
        while true {
            let fields = BlockingRedis.fields(try client.call("INFO", "persistence").text ?? "")
            if fields["aof_rewrite_in_progress"] == "0", fields["aof_rewrite_scheduled"] == "0" { break }
            guard Clock.monotonicMilliseconds() < deadline else {
                throw CommandError("redis-server did not rewrite its append-only file within a minute")
            }
            client.pause(milliseconds: 5)
        }
        empty = try RedisMeter.look(client)
        start = empty
        end = empty
    }

    /// Begins to count.
    package mutating func begin() throws {
        _ = try client.call("CONFIG", "RESETSTAT")
        _ = try client.call("SLOWLOG", "RESET")
        start = try RedisMeter.look(client)
    }

    /// Counts no further.
    package mutating func stop() throws {
        end = try RedisMeter.look(client)
    }

    /// What was done between ``begin()`` and ``stop()``, and what has stayed. By now the connections of the work are
    /// closed.
    ///
    /// - Parameter looks: how often the caller itself sent a command in between, by its name in lower case.
    package func cost(events: Int, looks: [String: Int] = [:]) throws -> RedisCost {
        let logged = (try client.call("SLOWLOG", "GET", "-1").array ?? []).compactMap(RedisCall.init)
        _ = try client.call("SLOWLOG", "RESET")
        // Redis frees a connection when it reads its end.
        client.pause(milliseconds: 20)
        let kept = try RedisMeter.look(client)
        let calls = logged.filter { !$0.isOwn && looks[$0.name] == nil }
        return RedisCost(
            events: events, empty: empty, start: start, end: end, kept: kept,
            slowCalls: calls.count { $0.microseconds >= RedisMeter.slow },
            calls: logsCalls ? RedisCallTotal.totals(calls, events: events) : [], looks: looks)
    }

    private static func look(_ client: BlockingRedis) throws -> RedisSnapshot {
        RedisSnapshot(info: try client.call("INFO", "everything").text ?? "")
    }
}
