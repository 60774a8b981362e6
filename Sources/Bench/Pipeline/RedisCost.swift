package import JSON
import Pipeline

/// What a redis-server has done since its statistics were reset, as `INFO everything` says it.
package struct RedisSnapshot {
    /// Processor time of the server, in seconds: user and system. It is never reset.
    package let processor: Double
    /// Memory, without that of functions and the buffer of the append-only file.
    package let bytes: Int
    package let keys: Int
    /// Calls and microseconds by command, those inside functions included.
    package let commands: [String: (calls: Int, microseconds: Int)]
    /// The longest call by command, in microseconds. Needs the percentile 100 in `latency-tracking-info-percentiles`.
    package let longest: [String: Double]

    package init(info: String) {
        let fields = BlockingRedis.fields(info)
        func number(_ name: String) -> Double { fields[name].flatMap(Double.init) ?? 0 }
        processor = number("used_cpu_user") + number("used_cpu_sys")
        bytes =
            Int(number("used_memory")) - Int(number("used_memory_functions")) - Int(number("mem_aof_buffer"))
        var keys = 0
        var commands: [String: (calls: Int, microseconds: Int)] = [:]
        var longest: [String: Double] = [:]
        for (name, value) in fields {
            let parts = RedisSnapshot.parts(value)
            if name.hasPrefix("cmdstat_") {
                commands[String(name.dropFirst("cmdstat_".count))] = (
                    Int(parts["calls"] ?? 0), Int(parts["usec"] ?? 0)
                )
            } else if name.hasPrefix("latency_percentiles_usec_") {
                longest[String(name.dropFirst("latency_percentiles_usec_".count))] = parts["p100"] ?? 0
            } else if name.hasPrefix("db"), Int(name.dropFirst(2)) != nil {
                keys += Int(parts["keys"] ?? 0)
            }
        }
        (self.keys, self.commands, self.longest) = (keys, commands, longest)
    }

    /// `a=1,b=2`.
    private static func parts(_ text: String) -> [String: Double] {
        var parts: [String: Double] = [:]
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1)
            if sides.count == 2, let number = Double(sides[1]) { parts[String(sides[0])] = number }
        }
        return parts
    }
}

/// What a number of events cost a redis-server.
package struct RedisCost {
    package let events: Int
    /// Processor time of the server, in µs for each event.
    package let microseconds: Double
    /// Commands for each event, those inside functions included.
    package let commands: Double
    /// Bytes and keys that stay, for each event.
    package let bytes: Double
    package let keys: Double
    /// The longest call, in µs, and its command.
    package let longest: (command: String, microseconds: Double)
    /// Calls that took longer than ``RedisMeter/slow``.
    package let slowCalls: Int
    /// Calls and µs of each command for each event, the dearest first. A function's µs include its commands'.
    package let byCommand: [(name: String, calls: Double, microseconds: Double)]

    /// The calls of ``RedisMeter/logged`` µs and more, the dearest first; empty unless they were logged.
    package let calls: [RedisCallTotal]

    /// Commands that a benchmark itself sends, or that stand at the start of a process only.
    private static let own: Set<String> = ["info", "flushall", "bgrewriteaof"]
    private static let ownFamilies = ["config|", "slowlog|", "function|"]

    /// - Parameters:
    ///   - empty: before there was any data.
    ///   - start: when the work began.
    ///   - end: when it was done.
    ///   - kept: when the connections of the work were closed.
    ///   - looks: how often the benchmark itself sent a command meanwhile, by the command's name.
    package init(
        events: Int, empty: RedisSnapshot, start: RedisSnapshot, end: RedisSnapshot, kept: RedisSnapshot,
        slowCalls: Int, calls: [RedisCallTotal] = [], looks: [String: Int] = [:]
    ) {
        let count = Double(max(1, events))
        self.events = events
        self.slowCalls = slowCalls
        self.calls = calls
        microseconds = (end.processor - start.processor) * 1e6 / count
        bytes = Double(kept.bytes - empty.bytes) / count
        keys = Double(kept.keys - empty.keys) / count
        let used = end.commands.compactMap { name, used -> (name: String, calls: Double, microseconds: Double)? in
            let calls = used.calls - (looks[name] ?? 0)
            guard !RedisCost.isOwn(name), calls > 0 else { return nil }
            let share = Double(calls) / Double(used.calls)
            return (name, Double(calls) / count, Double(used.microseconds) * share / count)
        }
        byCommand = used.sorted { ($0.microseconds, $1.name) > ($1.microseconds, $0.name) }
        commands = used.reduce(0) { $0 + $1.calls }
        let longest = end.longest.filter { !RedisCost.isOwn($0.key) }.max { ($0.value, $0.key) < ($1.value, $1.key) }
        self.longest = (longest?.key ?? "none", longest?.value ?? 0)
    }

    static func isOwn(_ command: String) -> Bool {
        own.contains(command) || ownFamilies.contains { command.hasPrefix($0) }
    }

    package var json: JSON {
        func rounded(_ number: Double) -> JSON { .double((number * 1000).rounded() / 1000) }
        var object = JSONObject()
        object["us_per_event"] = rounded(microseconds)
        object["commands_per_event"] = rounded(commands)
        object["longest_call"] = .string(longest.command)
        object["longest_call_us"] = .int(Int64(longest.microseconds))
        object["slow_calls"] = .int(Int64(slowCalls))
        object["bytes_per_event"] = rounded(bytes)
        object["keys_per_event"] = rounded(keys)
        object["commands"] = .array(
            byCommand.map { command in
                var row = JSONObject()
                row["command"] = .string(command.name)
                row["calls_per_event"] = rounded(command.calls)
                row["us_per_event"] = rounded(command.microseconds)
                return .object(row)
            })
        if !calls.isEmpty { object["calls"] = .array(calls.map(\.json)) }
        return .object(object)
    }
}
