/// What a check came to.
enum Verdict: Equatable {
    /// All is as it should be; the text says what was seen.
    case well(String)
    /// The facts could not be had; the text says why.
    case unknown(String)
    case found([Finding])

    /// The findings, or that all is well when there are none.
    init(_ findings: [Finding], otherwise well: String) {
        self = findings.isEmpty ? .well(well) : .found(findings)
    }

    var findings: [Finding] {
        if case .found(let findings) = self { findings } else { [] }
    }

    /// The worst level found; nil when nothing was found.
    var level: FindingLevel? { findings.map(\.level).max() }
}
