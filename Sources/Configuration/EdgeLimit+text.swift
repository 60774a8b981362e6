import Edge

/// Limits of an edge as people write them.
extension EdgeLimit {
    /// `max_connections` → `max-connections`, without the two dashes.
    package var flag: String { String(name.map { $0 == "_" ? "-" : $0 }) }

    /// `max_connections` → `TIDINGS_MAX_CONNECTIONS`.
    package var variable: String { "TIDINGS_" + name.uppercased() }

    /// The value when nobody names one.
    package var standard: Int { value(in: EdgeLimits()) }

    /// A value as tidings.yaml has it: `1000`, `64KB`, `30s`.
    package func text(_ value: Int) -> String {
        switch declaration.field {
        case .number: String(value)
        case .bytes: ByteSize.text(value)
        case .time: DurationText.text(Int64(value))
        }
    }

    /// The ends of the range: `1s to 1h`.
    package var ends: String { "\(text(declaration.range.lowerBound)) to \(text(declaration.range.upperBound))" }

    /// What a flag or a variable says: as in tidings.yaml, or a number alone, of bytes or seconds. Nil for what is none, or
    /// is out of range.
    package func parse(_ text: String) -> Int? {
        let value: Int?
        switch declaration.field {
        case .number: value = Int(text)
        case .bytes: value = Int(text) ?? ByteSize.bytes(text)
        case .time:
            value =
                Int(text).map { $0.multipliedReportingOverflow(by: 1000) }.map {
                    $0.overflow ? Int.max : $0.partialValue
                }
                ?? DurationText.milliseconds(text).map { Int(clamping: $0) }
        }
        return value.flatMap { declaration.range.contains($0) ? $0 : nil }
    }

    /// What tidings.yaml says.
    package func read(_ node: ConfigurationNode) throws(ConfigurationError) -> Int {
        let range = declaration.range
        switch declaration.field {
        case .number: return try node.integer(in: range)
        case .bytes: return try node.size(in: range)
        case .time:
            return Int(try node.duration(atLeast: Int64(range.lowerBound), atMost: Int64(range.upperBound)))
        }
    }
}
