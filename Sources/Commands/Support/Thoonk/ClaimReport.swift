import Console
import JSON
import Thoonk

/// What verbs on claims print, and how they end: each id with what became of it, and an error for those that were not
/// done.
struct ClaimReport {
    private var output: ItemOutput
    private var faults: [String] = []

    init(json: Bool) {
        output = ItemOutput(json: json)
    }

    mutating func add(_ id: String, _ outcome: ClaimOutcome) throws {
        switch outcome {
        case .done: try add(id, "done", fault: nil)
        case .lost: try add(id, "lost", fault: "somebody else has the job '\(id)' now; see 'tidings job status'")
        case .notClaimed:
            try add(id, "not_claimed", fault: "nobody has claimed the job '\(id)'; see 'tidings job status'")
        }
    }

    /// - Parameter fault: why it was not done; nil: it was.
    mutating func add(_ id: String, _ outcome: String, fault: String?) throws {
        if let fault { faults.append(fault) }
        // Without --json what failed is told as an error, once.
        if output.json || fault == nil {
            try output.line("\(id)\t\(outcome)", ["id": .string(id), "outcome": .string(outcome)])
        }
    }

    /// - Throws: ``CommandError`` with exit code 1 when one of them was not done.
    mutating func finish() throws {
        try output.flush()
        guard let last = faults.popLast() else { return }
        for fault in faults { Terminal.writeError("tidings: \(fault)\n") }
        throw CommandError(last)
    }
}
