package import Yams

/// One value of a configuration file, with the place where it stands: reads it as what is expected there, or says file,
/// line and key of what is not.
package struct ConfigurationNode {
    package let file: String
    package let key: String
    package let node: Node

    /// The error that names this place.
    package func error(_ message: String) -> ConfigurationError {
        ConfigurationError(file: file, line: node.mark?.line, key: key, message: message)
    }

    /// The members of a mapping. A key that is not among `known` is an error, and so is one that stands twice.
    package func members(known: [String]) throws(ConfigurationError) -> [String: ConfigurationNode] {
        guard case .mapping(let mapping) = node else {
            throw error("expected keys and values, such as '\(known.first ?? "key"): …'")
        }
        var members: [String: ConfigurationNode] = [:]
        for (name, value) in mapping {
            let text = name.string ?? ""
            let member = ConfigurationNode(file: file, key: key.isEmpty ? text : "\(key).\(text)", node: value)
            guard known.contains(text) else {
                throw ConfigurationError(
                    file: file, line: name.mark?.line, key: member.key,
                    message: "unknown key; known here: \(known.joined(separator: ", "))")
            }
            guard members.updateValue(member, forKey: text) == nil else { throw member.error("stands twice") }
        }
        return members
    }

    /// The elements of a list.
    package func elements() throws(ConfigurationError) -> [ConfigurationNode] {
        guard case .sequence(let sequence) = node else { throw error("expected a list, such as [a, b]") }
        return sequence.enumerated().map { index, element in
            ConfigurationNode(file: file, key: "\(key)[\(index)]", node: element)
        }
    }

    package var isEmpty: Bool {
        if case .scalar(let scalar) = node { return scalar.string.isEmpty || scalar.string == "null" }
        return false
    }

    /// The word that switches a limit off.
    package var isNone: Bool { node.string == "none" }

    /// The word for all there are.
    package var isAny: Bool { node.string == "*" }

    package func string() throws(ConfigurationError) -> String {
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else { throw error("expected a text") }
        return scalar.string
    }

    package func strings() throws(ConfigurationError) -> [String] {
        var result: [String] = []
        for element in try elements() { result.append(try element.string()) }
        return result
    }

    package func bool() throws(ConfigurationError) -> Bool {
        switch try string() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        case let text: throw error("'\(text)' is neither true nor false")
        }
    }

    package func integer(in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let text = try string()
        guard let number = Int(text), range.contains(number) else {
            throw error("'\(text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A time such as `500ms`, `25s`, `10m`, `2h`, `7d`, in milliseconds.
    package func duration(atLeast least: Int64 = 0, atMost most: Int64 = .max) throws(ConfigurationError) -> Int64 {
        let text = try string()
        guard let duration = DurationText.milliseconds(text) else {
            throw error("'\(text)' is no time; write a number with ms, s, m, h or d, such as 25s")
        }
        guard duration >= least, duration <= most else {
            let end = most == .max ? "" : " and at most \(DurationText.text(most))"
            throw error("'\(text)' is out of range; write at least \(DurationText.text(least))\(end)")
        }
        return duration
    }

    /// An amount of memory such as `100MB`, in bytes.
    package func size(in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let text = try string()
        guard let bytes = ByteSize.bytes(text) else {
            throw error("'\(text)' is no size; write a number with B, KB, MB or GB, such as 100MB")
        }
        guard range.contains(bytes) else {
            throw error(
                "'\(text)' is out of range; write \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))"
            )
        }
        return bytes
    }

    /// A rate such as `30/min`: how many, and in how many milliseconds.
    package func rate() throws(ConfigurationError) -> (count: Int, window: Int64) {
        let text = try string()
        guard let rate = Rate.parse(text) else {
            throw error("'\(text)' is no rate; write a number per s, min, hour or day, such as 30/min")
        }
        return rate
    }
}
