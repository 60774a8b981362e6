/// How many of what was measured took how long: exact below 128 µs, to within 1 % above, in a fixed amount of memory.
public struct LatencyHistogram: Sendable, Equatable {
    /// Values of one power of two share this many buckets.
    private static let steps = 128
    private static let stepBits = 7
    private var counts = [Int](repeating: 0, count: steps * 32)
    public private(set) var count = 0
    /// In microseconds.
    public private(set) var worst: Int64 = 0

    public init() {}

    public mutating func record(microseconds: Int64) {
        let value = max(0, microseconds)
        counts[Self.bucket(value)] += 1
        count += 1
        if value > worst { worst = value }
    }

    public mutating func merge(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        worst = max(worst, other.worst)
    }

    /// The time, in microseconds, that so many percent did not exceed.
    public func percentile(_ percent: Double) -> Int64 {
        let wanted = Int((percent / 100 * Double(count)).rounded(.up))
        var seen = 0
        for index in counts.indices where counts[index] > 0 {
            seen += counts[index]
            if seen >= wanted { return min(worst, Self.upper(index)) }
        }
        return worst
    }

    /// The buckets that hold something, as pairs of place and count: for another process.
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
