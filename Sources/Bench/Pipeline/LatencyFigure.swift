import Console
package import JSON

/// Latencies from the door to the feed at one rate.
package struct LatencyFigure {
    /// Of the rate that was found.
    package let percent: Int
    /// In events/s.
    package let rate: Double
    package let sent: Int
    package let latency: LatencyHistogram

    /// Events that were never announced: dropped, held, or not published within the time that they have.
    package var missing: Int { sent - latency.count }

    private static let percentiles: [(name: String, value: Double)] = [("p50", 50), ("p99", 99), ("p99_9", 99.9)]

    package var json: JSON {
        var object = JSONObject()
        object["percent_of_rate"] = .int(Int64(percent))
        object["events_per_s"] = .double(rate.rounded())
        object["sent"] = .int(Int64(sent))
        object["missing"] = .int(Int64(missing))
        for (name, value) in Self.percentiles { object["\(name)_us"] = .int(latency.percentile(value)) }
        object["worst_us"] = .int(latency.worst)
        return .object(object)
    }

    /// A table of milliseconds.
    ///
    /// - Parameter title: whose latencies they are.
    package static func table(_ figures: [LatencyFigure], title: String) -> String {
        func row(_ name: String, _ cells: [String]) -> String {
            Text.left(name, 36) + cells.map { Text.right($0, 11) }.joined() + "\n"
        }
        return row("door to feed, ms; \(title)", ["events/s", "p50", "p99", "p99.9", "worst", "missing"])
            + figures.map { figure in
                let times = percentiles.map { figure.latency.percentile($0.value) } + [figure.latency.worst]
                return row(
                    "at \(figure.percent) % of the rate",
                    [Text.grouped(Int(figure.rate))] + times.map { BenchTable.number(Double($0) / 1000, 1) }
                        + [Text.grouped(figure.missing)])
            }.joined()
    }
}
