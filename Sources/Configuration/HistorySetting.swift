import Store
import YAML

extension SettingForm where Value == HistoryPolicies {
    /// How much is kept of channels: a number of events for all, or a policy for each kind.
    static var history: Self {
        SettingForm(
            range: "1 to 100000, or kinds with COUNT/AGE, COUNT, state or none",
            parse: { Int($0).flatMap { HistoryText.counts.contains($0) ? .all($0) : nil } },
            read: { try $0.history() }, text: HistoryText.text)
    }
}

extension ConfigurationNode {
    /// A number for all kinds of channels, or `thread: 1000/7d` and so on. Kinds that are not named stay as they are without
    /// a configuration; `*` stands for those that have no policy of their own. The lifetime is not read here.
    fileprivate func history() throws(ConfigurationError) -> HistoryPolicies {
        guard let mapping = node.mapping else {
            guard isScalar, let count = node.scalar.flatMap({ Int($0) }), HistoryText.counts.contains(count) else {
                throw error(
                    "expected a number of events from 1 to \(HistoryText.counts.upperBound), or kinds of channels, such as "
                        + "'{ thread: 1000/7d, post: state }'")
            }
            return .all(count)
        }
        var policies = HistoryPolicies.standard
        guard mapping.count <= HistoryText.mostKinds else {
            throw error("\(mapping.count) kinds; at most \(HistoryText.mostKinds) have a policy of their own")
        }
        for entry in mapping {
            let member = ConfigurationNode(file: file, key: "\(key).\(entry.key)", node: entry.value)
            let policy = try member.historyPolicy()
            if entry.key == "*" {
                policies.others = policy
            } else if HistoryText.isKind(entry.key) {
                policies.kinds[entry.key] = policy
            } else {
                throw ConfigurationError(
                    file: file, line: entry.line, key: key,
                    message: "'\(entry.key)' is no kind; a kind is what stands before the first ':' of a name, "
                        + "1 to 64 of a-z A-Z 0-9 _ . -, and '*' stands for all others")
            }
        }
        return policies
    }

    private func historyPolicy() throws(ConfigurationError) -> HistoryPolicy {
        guard let text = node.scalar, !text.isEmpty else { throw error(HistoryText.expected) }
        if text == "state" { return .state }
        if text == "none" { return .none }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let count = Int(parts[0]) else { throw error("'\(text)': \(HistoryText.expected)") }
        guard HistoryText.counts.contains(count) else {
            throw error(
                "'\(text)' is out of range; a channel keeps 1 to \(HistoryText.counts.upperBound) events, or none, or its "
                    + "state")
        }
        guard parts.count == 2 else { return .log(events: count) }
        guard let age = DurationText.milliseconds(parts[1]) else {
            throw error("'\(parts[1])' is no time; write a number with ms, s, m, h or d, such as \(count)/7d")
        }
        guard HistoryText.ages.contains(age) else {
            throw error(
                "'\(parts[1])' is out of range; write an age of \(DurationText.text(HistoryText.ages.lowerBound)) to "
                    + DurationText.text(HistoryText.ages.upperBound))
        }
        return .log(events: count, age: age)
    }
}

/// How policies are written in tidings.yaml.
private enum HistoryText {
    static let counts = 1...100_000
    static let ages = Int64(1000)...3650 * HistoryPolicies.day
    static let mostKinds = 64
    static let expected = "expected COUNT/AGE such as 1000/7d, COUNT, state or none"

    static func isKind(_ text: String) -> Bool { Configuration.isName(text) }

    static func text(_ policies: HistoryPolicies) -> String {
        if policies.kinds.isEmpty, case .log(let events, nil) = policies.others { return String(events) }
        let kinds = policies.kinds.sorted { $0.key < $1.key }.map { "\($0.key): \(text($0.value))" }
        return "{ \((kinds + ["\"*\": \(text(policies.others))"]).joined(separator: ", ")) }"
    }

    private static func text(_ policy: HistoryPolicy) -> String {
        switch policy {
        case .log(let events, let age): age.map { "\(events)/\(DurationText.text($0))" } ?? String(events)
        case .state: "state"
        case .none: "none"
        }
    }
}
