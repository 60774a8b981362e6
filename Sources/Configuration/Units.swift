/// Times as people write them: a number and a unit.
package enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// `25s` → 25000. Nil for text that is no time.
    package static func milliseconds(_ text: String) -> Int64? {
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let number = Int64(text.dropLast(suffix.count)), number >= 0 else { continue }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return nil
    }

    /// 25000 → `25s`: the largest unit that leaves a whole number.
    package static func text(_ milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        for (suffix, factor) in units.reversed() where milliseconds % factor == 0 && milliseconds >= factor {
            return "\(milliseconds / factor)\(suffix)"
        }
        return "\(milliseconds)ms"
    }
}

/// Amounts of memory as people write them: a number and a unit, each 1024 times the one before.
package enum ByteSize {
    private static let units: [(suffix: String, bytes: Int)] = [
        ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40), ("B", 1),
    ]

    /// `100MB` → 104857600. Nil for text that is no size.
    package static func bytes(_ text: String) -> Int? {
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let number = Int(text.dropLast(suffix.count)), number >= 0 else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return text == "0" ? 0 : nil
    }

    /// 104857600 → `100MB`: the largest unit that leaves a whole number.
    package static func text(_ bytes: Int) -> String {
        let unit = units.filter { bytes >= $0.bytes && bytes % $0.bytes == 0 }.max { $0.bytes < $1.bytes }
        return unit.map { "\(bytes / $0.bytes)\($0.suffix)" } ?? "\(bytes)B"
    }
}

/// So many in a time. People write it as a number and a unit of time: `30/min`.
package struct Rate: Sendable, Equatable {
    package let count: Int
    package let milliseconds: Int64

    package init(count: Int, milliseconds: Int64) {
        self.count = count
        self.milliseconds = milliseconds
    }

    /// `30/min` → 30 in 60,000 ms. Nil for text that is no rate.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), count > 0,
            let unit = Rate.units.first(where: { $0.names.contains(parts[1]) })
        else { return nil }
        self.init(count: count, milliseconds: unit.milliseconds)
    }

    /// 30 in 60,000 ms → `30/min`.
    package var text: String {
        let unit = Rate.units.first { $0.milliseconds == milliseconds }
        return "\(count)/\(unit?.names.last.map(String.init) ?? DurationText.text(milliseconds))"
    }

    private static let units: [(names: [Substring], milliseconds: Int64)] = [
        (["sec", "s"], 1000), (["m", "min"], 60_000), (["h", "hour"], 3_600_000), (["d", "day"], 86_400_000),
    ]
}
