/// Rates as people write them: a number and a unit of time.
package enum Rate {
    private static let units: [Substring: Int64] = [
        "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "hour": 3_600_000, "d": 86_400_000,
        "day": 86_400_000,
    ]

    /// `30/min` → 30 in 60,000 ms. Nil for what is no rate.
    package static func parse(_ text: String) -> (count: Int, window: Int64)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), count > 0, let window = units[parts[1]] else { return nil }
        return (count, window)
    }
}
