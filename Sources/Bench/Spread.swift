package import JSON

/// How a number of measurements is spread.
package struct Spread {
    private let sorted: [Double]

    package init(_ values: [Double]) {
        sorted = values.sorted()
    }

    package var median: Double { percentile(50) }
    package var worst: Double { sorted.last ?? 0 }

    /// The value that so many percent of the measurements do not pass.
    package func percentile(_ percent: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = (percent / 100 * Double(sorted.count)).rounded(.up)
        return sorted[min(sorted.count - 1, max(0, Int(rank) - 1))]
    }

    package var json: JSON {
        var object = JSONObject()
        object["count"] = .int(Int64(sorted.count))
        object["median"] = .double(Spread.tenth(median))
        object["p95"] = .double(Spread.tenth(percentile(95)))
        object["worst"] = .double(Spread.tenth(worst))
        return .object(object)
    }

    package static func tenth(_ number: Double) -> Double { (number * 10).rounded() / 10 }
}
