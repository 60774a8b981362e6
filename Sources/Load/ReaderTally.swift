public import JSON

/// What a crowd of readers saw.
public struct ReaderTally: Sendable, Equatable {
    /// Answers, or pieces of streams, that held events.
    public var answers = 0
    /// Events received, each counted once for each reader.
    public var events = 0
    /// Events that a reader had had already.
    public var repeated = 0
    /// Events that never came although later ones did.
    public var lost = 0
    /// Events that had not come when the measurement was over.
    public var behind = 0
    /// Answers that were no such answers, and connections that were cut.
    public var failures = 0
    /// When the last event came, in nanoseconds of the monotonic clock.
    public var lastTime: Int64 = 0
    public var latency = LatencyHistogram()

    public init() {}

    public mutating func merge(_ other: ReaderTally) {
        answers += other.answers
        events += other.events
        repeated += other.repeated
        lost += other.lost
        behind += other.behind
        failures += other.failures
        lastTime = max(lastTime, other.lastTime)
        latency.merge(other.latency)
    }

    /// For another process.
    public var json: JSON {
        var object = JSONObject()
        for (name, value) in [
            ("answers", answers), ("events", events), ("repeated", repeated), ("lost", lost), ("behind", behind),
            ("failures", failures), ("last_time", Int(lastTime)), ("worst_us", Int(latency.worst)),
        ] {
            object[name] = .int(Int64(value))
        }
        object["latency"] = .array(latency.sparse.flatMap { [.int(Int64($0.place)), .int(Int64($0.count))] })
        return .object(object)
    }

    public init(_ json: JSON) {
        func number(_ name: String) -> Int { Int(json[name]?.int ?? 0) }
        answers = number("answers")
        events = number("events")
        repeated = number("repeated")
        lost = number("lost")
        behind = number("behind")
        failures = number("failures")
        lastTime = json["last_time"]?.int ?? 0
        let pairs = (json["latency"]?.array ?? []).compactMap { $0.int.map { Int($0) } }
        latency = LatencyHistogram(
            sparse: stride(from: 0, to: pairs.count - 1, by: 2).map { (pairs[$0], pairs[$0 + 1]) },
            worst: json["worst_us"]?.int ?? 0)
    }
}
