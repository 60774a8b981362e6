/// How much a finding matters.
package enum FindingLevel: String, Comparable {
    /// Worth knowing; nothing has to be done.
    case note
    /// May lose or delay events when something else happens.
    case warning
    /// Is wrong now, or will lose events.
    case fault

    package static func < (lhs: FindingLevel, rhs: FindingLevel) -> Bool { lhs.rank < rhs.rank }

    private var rank: Int {
        switch self {
        case .note: 0
        case .warning: 1
        case .fault: 2
        }
    }
}
