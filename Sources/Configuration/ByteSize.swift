/// Amounts of memory as people write them: a number and a unit, each 1024 times the one before.
package enum ByteSize {
    private static let units: [(suffix: String, bytes: Int)] = [
        ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40), ("B", 1),
    ]

    /// `100MB` → 104857600. Nil for what is no size.
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
