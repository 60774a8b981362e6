package import Yams

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
    package let node: Node

    /// Parses a file.
    ///
    /// - Returns: its top; nil when it says nothing.
    package static func parse(yaml text: String, file: String) throws -> ConfigurationNode? {
        do {
            guard let root = try Yams.compose(yaml: text) else { return nil }
            let top = ConfigurationNode(file: file, key: "", node: root)
            return top.isEmpty ? nil : top
        } catch let error as YamlError {
            throw describe(error, file: file)
        }
    }

    private static func describe(_ error: YamlError, file: String) -> ConfigurationError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return ConfigurationError(file: file, line: mark.line, key: "", message: "no valid YAML: \(problem)")
        default:
            return ConfigurationError(file: file, line: nil, key: "", message: "no valid YAML: \(error)")
        }
    }

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

    /// The same for settings, which are the only keys known here.
    package func members(of settings: [any SettingDeclaration]) throws(ConfigurationError) -> [String:
        ConfigurationNode]
    {
        try members(known: settings.map(\.name))
    }

    /// The keys of a mapping; empty for anything else.
    package var keys: [String] { node.mapping?.keys.compactMap(\.string) ?? [] }

    /// Whether it is one text or number, no list and no mapping.
    package var isScalar: Bool { node.scalar != nil }

    /// The member of a mapping that has exactly one: its key, and its value.
    ///
    /// - Parameter parent: the keys that lead to it, for errors about the value.
    package func onlyMember(in parent: String) -> (key: String, value: ConfigurationNode)? {
        guard let mapping = node.mapping, mapping.count == 1, let pair = mapping.first, let text = pair.key.string
        else { return nil }
        return (text, ConfigurationNode(file: file, key: "\(parent).\(text)", node: pair.value))
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

    /// Whether it is the word that switches a limit off.
    package var isNone: Bool { node.string == "none" }

    /// Whether it is the word for all there are.
    package var isAny: Bool { node.string == "*" }

    package func string() throws(ConfigurationError) -> String {
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else { throw error("expected a text") }
        return scalar.string
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
    package func without(edgeKeys keys: [String]) -> Node? {
        guard case .mapping(var top) = node else { return node }
        if case .mapping(var edge)? = top["edge"] {
            for key in keys { edge[key] = nil }
            top["edge"] = edge.isEmpty ? nil : .mapping(edge)
        }
        return top.isEmpty ? nil : .mapping(top)
    }
}
