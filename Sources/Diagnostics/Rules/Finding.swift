import JSON

/// How much a finding matters.
package enum Severity: String, Comparable {
    /// Worth knowing; nothing has to be done.
    case note
    /// May lose or delay events when something else happens.
    case warning
    /// Is wrong now, or will lose events.
    case fault

    /// The worst first.
    package static let all: [Severity] = [.fault, .warning, .note]

    package static func < (lhs: Severity, rhs: Severity) -> Bool { lhs.rank < rhs.rank }

    private var rank: Int {
        switch self {
        case .note: 0
        case .warning: 1
        case .fault: 2
        }
    }
}

/// One thing that is not as it should be.
package struct Finding: Equatable {
    package let severity: Severity
    /// What is wrong, in a sentence without a full stop.
    package let what: String
    /// Why, or what it means, in the same form.
    package let why: String?
    /// The key, process, setting or file that it stands in.
    package let place: String
    /// What the dashboard shows it with: a stage's name, `workers`, `edges`, `dead`, `held`; nil: the group of its rule.
    package let subject: String?
    /// A line for a shell that can be typed as it is.
    package let line: String?
    /// What to know before, or to do besides; without a line: what to do.
    package let hint: String?
    /// What `--fix` would do about it; nil when no repair is safe.
    package let repair: Repair?

    package init(
        _ severity: Severity, _ what: String, why: String? = nil, at place: String, of subject: String? = nil,
        type line: String? = nil, hint: String? = nil, repair: Repair? = nil
    ) {
        self.severity = severity
        self.what = what
        self.why = why
        self.place = place
        self.subject = subject
        self.line = line
        self.hint = hint
        self.repair = repair
    }

    /// The line with the hint behind it as a shell's comment, or the hint alone; nil when nothing has to be done.
    var remedy: String? {
        guard let line else { return hint }
        return hint.map { "\(line)   # \($0)" } ?? line
    }

    /// As `tidings doctor --json` prints it.
    var json: JSON {
        var object: JSONObject = ["level": .string(severity.rawValue), "what": .string(what)]
        object["why"] = why.map { .string($0) }
        object["where"] = .string(place)
        object["type"] = remedy.map { .string($0) }
        object["fix"] = repair.map { .string($0.plan) }
        return .object(object)
    }
}
