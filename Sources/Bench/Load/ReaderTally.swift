package import JSON

/// A group of equal readers of a benchmark, spread evenly over some channels, each of which gets the same number of
/// events.
package struct Crowd: Sendable, Equatable, CustomStringConvertible {
    package var readers: Int
    package let firstChannel: Int
    package let channels: Int
    /// How many events each of these channels gets in total.
    package let events: Int

    package init(readers: Int, firstChannel: Int = 0, channels: Int = 1, events: Int) {
        self.readers = readers
        self.firstChannel = firstChannel
        self.channels = max(1, channels)
        self.events = events
    }

    /// Parses `READERS:FIRST:CHANNELS:EVENTS`; nil for any other text.
    package init?(_ text: String) {
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 4,
            case (let readers?, let first?, let channels?, let events?) = (
                numbers[0], numbers[1], numbers[2], numbers[3]
            ), readers >= 0, channels > 0, events >= 0
        else { return nil }
        self.init(readers: readers, firstChannel: first, channels: channels, events: events)
    }

    package var description: String { "\(readers):\(firstChannel):\(channels):\(events)" }

    /// The channel of the reader with this index in the crowd.
    func channel(of reader: Int) -> Int { firstChannel + reader % channels }

    /// Splits the readers among several processes.
    package func split(_ parts: Int) -> [Crowd] {
        (0..<parts).map { part in
            var share = self
            share.readers = readers / parts + (part < readers % parts ? 1 : 0)
            return share
        }
    }
}

/// The results of a crowd of readers.
package struct ReaderTally: Sendable, Equatable {
    /// Responses, or messages of streams, with events.
    package var answers = 0
    /// Events received, counted for each reader.
    package var events = 0
    /// Events that a reader had already received.
    package var repeated = 0
    /// Events that did not arrive although later ones did.
    package var lost = 0
    /// Events that had not arrived at the end of the benchmark.
    package var behind = 0
    /// Invalid responses and broken connections.
    package var failures = 0
    /// When the last event arrived, in nanoseconds of the monotonic clock.
    package var lastTime: Int64 = 0
    package var latency = LatencyHistogram()

    package init() {}

    package mutating func merge(_ other: ReaderTally) {
        answers += other.answers
        events += other.events
        repeated += other.repeated
        lost += other.lost
        behind += other.behind
        failures += other.failures
        lastTime = max(lastTime, other.lastTime)
        latency.merge(other.latency)
    }

    /// The tally as JSON, to send it to another process.
    package var json: JSON {
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

    package init(_ json: JSON) {
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

/// A histogram of latencies in a fixed amount of memory: exact below 128 µs, to within 1 % above.
package struct LatencyHistogram: Sendable, Equatable {
    /// The number of buckets for each power of two.
    private static let steps = 128
    private static let stepBits = 7
    private var counts = [Int](repeating: 0, count: steps * 32)
    package private(set) var count = 0
    /// In microseconds.
    package private(set) var worst: Int64 = 0

    package init() {}

    package mutating func record(microseconds: Int64) {
        let value = max(0, microseconds)
        counts[Self.bucket(value)] += 1
        count += 1
        if value > worst { worst = value }
    }

    package mutating func merge(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        worst = max(worst, other.worst)
    }

    /// The percentile, in microseconds.
    package func percentile(_ percent: Double) -> Int64 {
        let wanted = Int((percent / 100 * Double(count)).rounded(.up))
        var seen = 0
        for index in counts.indices where counts[index] > 0 {
            seen += counts[index]
            if seen >= wanted { return min(worst, Self.upper(index)) }
        }
        return worst
    }

    /// The non-empty buckets as pairs of index and count, to send them to another process.
    var sparse: [(place: Int, count: Int)] {
        counts.indices.filter { counts[$0] > 0 }.map { ($0, counts[$0]) }
    }

    init(sparse: [(place: Int, count: Int)], worst: Int64) {
        self.worst = worst
        for (place, number) in sparse where counts.indices.contains(place) {
            counts[place] += number
            count += number
        }
    }

    private static func bucket(_ value: Int64) -> Int {
        guard value >= Int64(steps) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let shift = exponent - stepBits
        let place = (shift + 1) * steps + (Int(value >> Int64(shift)) & (steps - 1))
        return min(place, steps * 32 - 1)
    }

    /// The largest value of a bucket.
    private static func upper(_ bucket: Int) -> Int64 {
        guard bucket >= steps else { return Int64(bucket) }
        let shift = bucket / steps - 1
        return (Int64(steps + bucket % steps + 1) << Int64(shift)) - 1
    }
}
