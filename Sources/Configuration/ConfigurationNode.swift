package import YAML

/// What is wrong in a configuration, and where: `tidings.yaml:12: stages.moderate.max_links: …`.
package struct ConfigurationError: Error, CustomStringConvertible {
    package let file: String
    package let line: Int?
    /// The keys from the top of the file to the one that is wrong, with dots between.
    package let key: String
    /// What is wrong, and what would be right.
    package let message: String

    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
}

/// One value of a configuration file, with its place in the file. Each reader returns what is expected there, or throws an
/// error that names file, line and key.
package struct ConfigurationNode {
    package let file: String
    package let key: String
    package let node: YAMLNode

    /// Parses a file.
    ///
    /// - Returns: its top; nil when it says nothing.
    package static func parse(yaml text: String, file: String) throws(ConfigurationError) -> ConfigurationNode? {
        do throws(YAMLError) {
            guard let root = try YAMLNode.parse(text) else { return nil }
            let top = ConfigurationNode(file: file, key: "", node: root)
            return top.isEmpty ? nil : top
        } catch {
            throw ConfigurationError(
                file: file, line: error.line, key: "", message: "no valid YAML: \(error.problem)")
        }
    }

    /// The error that names this place.
    package func error(_ message: String) -> ConfigurationError {
        ConfigurationError(file: file, line: node.line, key: key, message: message)
    }

    /// The members of a mapping. A key that is not among `known` is an error, and so is one that stands twice.
    package func members(known: [String]) throws(ConfigurationError) -> [String: ConfigurationNode] {
        guard let mapping = node.mapping else {
            throw error("expected keys and values, such as '\(known.first ?? "key"): …'")
        }
        var members: [String: ConfigurationNode] = [:]
        for entry in mapping {
            let name = entry.key
            let member = ConfigurationNode(file: file, key: key.isEmpty ? name : "\(key).\(name)", node: entry.value)
            guard known.contains(name) else {
                throw ConfigurationError(
                    file: file, line: entry.line, key: member.key,
                    message: "unknown key; known here: \(known.joined(separator: ", "))")
            }
            guard members.updateValue(member, forKey: name) == nil else { throw member.error("stands twice") }
        }
        return members
    }

    /// The same for settings, which are the only keys known here.
    package func members(of settings: [any SettingDeclaration]) throws(ConfigurationError) -> [String:
        ConfigurationNode]
    {
        try members(known: settings.map(\.name))
    }

    /// The keys of a mapping; empty for anything else.
    package var keys: [String] { node.mapping?.map(\.key) ?? [] }

    /// Whether it is one text or number, no list and no mapping.
    package var isScalar: Bool { node.scalar != nil }

    /// The member of a mapping that has exactly one: its key, and its value.
    ///
    /// - Parameter parent: the keys that lead to it, for errors about the value.
    package func onlyMember(in parent: String) -> (key: String, value: ConfigurationNode)? {
        guard let mapping = node.mapping, mapping.count == 1, let pair = mapping.first else { return nil }
        return (pair.key, ConfigurationNode(file: file, key: "\(parent).\(pair.key)", node: pair.value))
    }

    /// The elements of a list.
    package func elements() throws(ConfigurationError) -> [ConfigurationNode] {
        guard let sequence = node.sequence else { throw error("expected a list, such as [a, b]") }
        return sequence.enumerated().map { index, element in
            ConfigurationNode(file: file, key: "\(key)[\(index)]", node: element)
        }
    }

    package var isEmpty: Bool {
        node.scalar.map { $0.isEmpty || $0 == "null" } ?? false
    }

    /// Whether it is the word that switches a limit off.
    package var isNone: Bool { node.scalar == "none" }

    /// Whether it is the word for all there are.
    package var isAny: Bool { node.scalar == "*" }

    package func string() throws(ConfigurationError) -> String {
        guard let text = node.scalar, !text.isEmpty else { throw error("expected a text") }
        return text
    }

    /// A name that may be part of a Redis key.
    package func name() throws(ConfigurationError) -> String {
        let text = try string()
        guard Configuration.isName(text) else {
            throw error("'\(text)' is no name; use 1 to 64 of a-z A-Z 0-9 _ . -")
        }
        return text
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

    /// A rate such as `30/min`.
    package func rate() throws(ConfigurationError) -> Rate {
        let text = try string()
        guard let rate = Rate(text) else {
            throw error("'\(text)' is no rate; write a number per s, min, hour or day, such as 30/min")
        }
        return rate
    }

    /// The file without some keys of `edge`: equal for two files that differ in nothing else. Nil when nothing is left.
    package func without(edgeKeys keys: [String]) -> YAMLNode? {
        guard let top = node.mapping else { return node }
        let rest = top.compactMap { (member) -> YAMLNode.Member? in
            guard member.key == "edge", let edge = member.value.mapping else { return member }
            let others = edge.filter { !keys.contains($0.key) }
            guard !others.isEmpty else { return nil }
            return YAMLNode.Member(key: member.key, line: member.line, value: member.value.with(.mapping(others)))
        }
        return rest.isEmpty ? nil : node.with(.mapping(rest))
    }
}
