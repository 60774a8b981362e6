/// How the values of a setting are written: as a flag or a variable, and in tidings.yaml.
package struct SettingForm<Value: Sendable>: Sendable {
    /// What a flag or a variable takes: `1 to 55`.
    package let range: String
    /// What the key takes: `1s to 55s`.
    package let keyRange: String
    /// Reads a flag or a variable; nil: it is not in the range.
    package let parse: @Sendable (String) -> Value?
    /// Reads a key.
    package let read: @Sendable (ConfigurationNode) throws -> Value
    /// Writes a value as tidings.yaml has it.
    package let text: @Sendable (Value) -> String

    package init(
        range: String, keyRange: String? = nil, parse: @escaping @Sendable (String) -> Value?,
        read: @escaping @Sendable (ConfigurationNode) throws -> Value, text: @escaping @Sendable (Value) -> String
    ) {
        self.range = range
        self.keyRange = keyRange ?? range
        self.parse = parse
        self.read = read
        self.text = text
    }

    /// The same for values that are stored as another type.
    func map<Other>(
        _ there: @escaping @Sendable (Value) -> Other, _ back: @escaping @Sendable (Other) -> Value
    ) -> SettingForm<Other> {
        let form = self
        return SettingForm<Other>(
            range: range, keyRange: keyRange, parse: { form.parse($0).map(there) }, read: { there(try form.read($0)) },
            text: { form.text(back($0)) })
    }

    /// The same, with `none` for no value.
    var orNone: SettingForm<Value?> {
        let form = self
        return SettingForm<Value?>(
            range: "\(range), or none", keyRange: "\(keyRange), or none",
            parse: { $0 == "none" ? .some(nil) : form.parse($0).map(Optional.some) },
            read: { $0.isNone ? nil : try form.read($0) }, text: { $0.map(form.text) ?? "none" })
    }

    /// The same where nil stands for what nobody said.
    var optional: SettingForm<Value?> {
        let form = self
        return SettingForm<Value?>(
            range: range, keyRange: keyRange, parse: { form.parse($0).map(Optional.some) },
            read: { try form.read($0) }, text: { $0.map(form.text) ?? "none" })
    }
}

extension SettingForm where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        SettingForm(
            range: "\(range.lowerBound) to \(range.upperBound)",
            parse: { Int($0).flatMap { range.contains($0) ? $0 : nil } }, read: { try $0.integer(in: range) },
            text: { String($0) })
    }

    /// Bytes.
    ///
    /// - Parameters:
    ///   - bareNumbers: whether flags and variables may leave out the unit, for a number of bytes.
    ///   - words: the range in words, where both ends say little.
    static func size(_ range: ClosedRange<Int>, bareNumbers: Bool = false, words: String? = nil) -> Self {
        let ends = words ?? "\(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))"
        return SettingForm(
            range: ends,
            parse: { text in
                let bytes = bareNumbers ? Int(text) ?? ByteSize.bytes(text) : ByteSize.bytes(text)
                return bytes.flatMap { range.contains($0) ? $0 : nil }
            }, read: { try $0.size(in: range) }, text: ByteSize.text)
    }

    /// The same with 0, to switch something off.
    var orZero: Self {
        let form = self
        return SettingForm(
            range: range, keyRange: keyRange, parse: { ByteSize.bytes($0) == 0 ? 0 : form.parse($0) }, read: read,
            text: text)
    }

    /// Seconds: a plain number as flag or variable, a time in tidings.yaml.
    static func seconds(_ range: ClosedRange<Int>) -> Self {
        let (least, most) = (Int64(range.lowerBound) * 1000, Int64(range.upperBound) * 1000)
        return SettingForm(
            range: "\(range.lowerBound) to \(range.upperBound)",
            keyRange: "\(DurationText.text(least)) to \(DurationText.text(most))",
            parse: { Int($0).flatMap { range.contains($0) ? $0 : nil } },
            read: { Int(try $0.duration(atLeast: least, atMost: most) / 1000) },
            text: { DurationText.text(Int64($0) * 1000) })
    }
}

extension SettingForm where Value == Int64 {
    /// Milliseconds.
    ///
    /// - Parameters:
    ///   - bareNumbers: whether flags and variables may leave out the unit, for a number of seconds.
    ///   - words: the range in words, where both ends say little.
    ///   - zero: whether 0 is in the range as well, to switch something off.
    static func time(
        _ range: ClosedRange<Int64>, bareNumbers: Bool = false, words: String? = nil, orZero zero: Bool = false
    ) -> Self {
        let least = DurationText.text(range.lowerBound)
        let ends = range.upperBound == .max ? "\(least) or more" : "\(least) to \(DurationText.text(range.upperBound))"
        return SettingForm(
            range: words ?? ends,
            parse: { text in
                let seconds = bareNumbers ? Int64(text) : nil
                let time = seconds.map { $0.multipliedReportingOverflow(by: 1000) }.map { $0.overflow ? .max : $0.0 }
                return (time ?? DurationText.milliseconds(text)).flatMap {
                    range.contains($0) || (zero && $0 == 0) ? $0 : nil
                }
            }, read: { try $0.duration(atLeast: range.lowerBound, atMost: range.upperBound) },
            text: DurationText.text)
    }
}

extension SettingForm where Value == Rate {
    static var rate: Self {
        SettingForm(
            range: "a number per s, min, hour or day", parse: { Rate($0) }, read: { try $0.rate() }, text: \.text)
    }
}

extension SettingForm where Value == Bool {
    /// As a flag it stands alone, or with `no-` before it.
    static var bool: Self {
        SettingForm(
            range: "true or false", parse: { ["true": true, "false": false][$0] }, read: { try $0.bool() },
            text: { String($0) })
    }
}

extension SettingForm where Value == String {
    /// - Parameter range: what it should look like; checked where it is used.
    static func text(_ range: String = "") -> Self {
        SettingForm(range: range, parse: { $0 }, read: { try $0.string() }, text: { $0 })
    }

    /// A name that may be part of a Redis key.
    static var name: Self {
        SettingForm(
            range: "1 to 64 of a-z A-Z 0-9 _ . -", parse: { Configuration.isName($0) ? $0 : nil },
            read: { try $0.name() }, text: { $0 })
    }

    static func choice(of words: [String]) -> Self {
        SettingForm(
            range: words.dropLast().joined(separator: ", ") + " or \(words.last ?? "")",
            parse: { words.contains($0) ? $0 : nil }, read: { try $0.string() }, text: { $0 })
    }
}

extension SettingForm where Value == [String] {
    static var texts: Self {
        SettingForm(
            range: "", parse: { [$0] }, read: { try $0.strings() },
            text: { $0.isEmpty ? "none" : "[\($0.joined(separator: ", "))]" })
    }
}
