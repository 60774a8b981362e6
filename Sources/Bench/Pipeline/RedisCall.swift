package import JSON
package import Redis

/// A call that Redis keeps in its log of slow calls: `SLOWLOG GET`.
package struct RedisCall: Equatable {
    /// The command in lower case; of a function its name, and of a commit its stage as well: `tidings_commit publish`.
    package let name: String
    package let microseconds: Int
    /// Whether the benchmark itself made it.
    package let isOwn: Bool

    /// - Parameter entry: id, time, microseconds, the words of the command, …
    package init?(_ entry: RedisValue) {
        guard let parts = entry.array, parts.count >= 4, let microseconds = parts[2].integer,
            let words = parts[3].array?.prefix(8).map({ $0.text ?? "" }), let command = words.first?.lowercased()
        else { return nil }
        self.microseconds = Int(microseconds)
        isOwn = RedisCost.isOwn(command) || words.count > 1 && RedisCost.isOwn("\(command)|\(words[1].lowercased())")
        guard command.hasPrefix("fcall"), words.count > 1 else {
            name = command
            return
        }
        let lane = words[1].hasSuffix("_commit") ? words.first { $0.contains(":lane:") } : nil
        let stage = lane?.split(separator: ":").last.map { " \($0)" } ?? ""
        name = words[1] + stage
    }
}

/// All calls of one name, for each event.
package struct RedisCallTotal: Equatable {
    package let name: String
    package let calls: Double
    package let microseconds: Double
    /// In µs.
    package let longest: Int

    /// The dearest first.
    package static func totals(_ calls: [RedisCall], events: Int) -> [RedisCallTotal] {
        let count = Double(max(1, events))
        return Dictionary(grouping: calls, by: \.name).map { name, calls in
            RedisCallTotal(
                name: name, calls: Double(calls.count) / count,
                microseconds: Double(calls.reduce(0) { $0 + $1.microseconds }) / count,
                longest: calls.map(\.microseconds).max() ?? 0)
        }.sorted { ($0.microseconds, $1.name) > ($1.microseconds, $0.name) }
    }

    package var json: JSON {
        var row = JSONObject()
        row["call"] = .string(name)
        row["calls_per_event"] = .double((calls * 1000).rounded() / 1000)
        row["us_per_event"] = .double((microseconds * 1000).rounded() / 1000)
        row["longest_us"] = .int(Int64(longest))
        return .object(row)
    }
}
