import ArgumentParser
import Console
import Thoonk

/// The claims that a verb of `job` means.
struct ClaimSelection: ParsableArguments, Sendable {
    @Argument(help: "Ids of claimed jobs.")
    var ids: [String]

    @Option(
        name: .long,
        help:
            "The claim's token, as 'job get' gave it: refused when somebody else has the job now. Without: whoever has it."
    )
    var token: String?

    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done, lost or not_claimed).")
    var json = false

    func validate() throws {
        if token != nil, ids.count > 1 { throw ValidationError("--token is that of one job; name one id") }
    }

    /// Does a verb to each of them and reports what became of it.
    ///
    /// - Throws: ``CommandError`` with exit code 1 when one of them was not done.
    func each(_ verb: (String) async throws -> ClaimOutcome) async throws {
        var report = ClaimReport(json: json)
        for id in ids { try report.add(id, try await verb(id)) }
        try report.finish()
    }
}
