/// What a rule is about.
package enum RuleGroup: String, CaseIterable {
    case redis
    case pipeline
    case feeds
    case system
}

/// A question to the facts. Judging is pure: facts in, findings out.
///
/// Each rule exists once: `tidings doctor` judges all of them, `tidings status` and the dashboard those whose facts are
/// gathered in one round trip.
struct Rule: Sendable {
    /// What a rule came to.
    enum Outcome: Equatable {
        /// All is as it should be; the text says what was seen.
        case well(String)
        /// The facts were refused; the text says why.
        case unknown(String)
        case found([Finding])

        /// The findings, or that all is well when there are none.
        init(_ findings: [Finding], otherwise well: String) {
            self = findings.isEmpty ? .well(well) : .found(findings)
        }

        var findings: [Finding] {
            if case .found(let findings) = self { findings } else { [] }
        }

        /// The worst severity found; nil when nothing was found.
        var severity: Severity? { findings.map(\.severity).max() }
    }

    /// What the documentation and `tidings doctor --json` call it: short, in kebab case.
    let id: String
    let group: RuleGroup
    /// Nil: facts that it needs were not gathered.
    let judge: @Sendable (Facts) -> Outcome?

    /// A rule that needs no more than `tidings status` gathers.
    init(_ id: String, _ group: RuleGroup, _ judge: @escaping @Sendable (Facts) -> Outcome) {
        self.id = id
        self.group = group
        self.judge = judge
    }

    /// A rule that needs a part of the facts which only `tidings doctor` gathers.
    init<Part>(
        _ id: String, _ group: RuleGroup, needs part: any KeyPath<Facts, Part?> & Sendable,
        _ judge: @escaping @Sendable (Facts, Part) -> Outcome
    ) {
        self.id = id
        self.group = group
        self.judge = { facts in facts[keyPath: part].map { judge(facts, $0) } }
    }

    /// All rules, in the order in which their findings are reported and repaired.
    static let all: [Rule] =
        ServerRules.all + StorageRules.all + PipelineRules.all
        + LaneRules.all + StageRules.all + ProcessRules.all + KeyRules.all + FeedRules.all + SystemRules.all
}
