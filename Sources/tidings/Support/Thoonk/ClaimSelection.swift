import ArgumentParser

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
}
