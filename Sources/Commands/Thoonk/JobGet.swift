import ArgumentParser
import Console
import JSON
import Supervision
import Thoonk

/// `tidings job get`: claims jobs.
struct JobGet: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Claim jobs and print them; waits until there is one.",
        discussion: """
            A line is the job's id, the claim's token and the item, with tabs between them. Finish it with both before the \
            claim ends. Waiting costs Redis nothing. Exit code 75 when nothing came in time, or at Ctrl-C.

            Examples:
              tidings job get mail --claim 10m
              tidings job get mail --timeout 10s --json | jq -r .item
              tidings job get mail --count 100 --timeout 0s --json
            """)
    static let endsInOrder = true

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @Option(name: .long, help: "How many at most, 1 to 1000; it waits for the first only.") var count = 1
    @Option(
        name: .long, help: "How long to wait, such as 500ms or 10m; 0s: not at all. (default: for as long as it takes)")
    var timeout: TimeSpan?
    @Option(name: .long, help: "How long the claim lasts. (default: the feed's claim_timeout, or else 5m)")
    var claim: TimeSpan?
    @Flag(
        name: .long,
        help: """
            Print one JSON object a line: id, token, cancelled (how often before), deadline (ms since 1970, by the clock \
            of Redis), item (base64 when it is no UTF-8).
            """)
    var json = false

    /// As the functions have it.
    private static let usualClaim: Int64 = 300_000

    func validate() throws {
        guard (1...1000).contains(count) else { throw ValidationError("--count takes 1 to 1000") }
        if let claim, claim.milliseconds < 1 { throw ValidationError("--claim takes a time from 1ms, such as 5m") }
    }

    func run(_ client: ThoonkClient) async throws {
        let job = client.job(name)
        // Before anything is claimed: what fails here leaves no claim behind.
        let lasts = try await json ? claimMilliseconds(job) : 0
        let claims = try await job.get(upTo: count, timeout: timeout?.duration, claimTimeout: claim?.duration)
        guard !claims.isEmpty else {
            throw CommandError("no job came into '\(name)' within \(timeout?.text ?? "")", exitCode: 75)
        }
        var output = ItemOutput(json: json)
        for claim in claims {
            try output.line(
                raw: [Array(claim.id.utf8), Array(claim.token.utf8), claim.bytes], JobGet.object(claim, lasts: lasts))
        }
        try output.flush()
    }

    private func claimMilliseconds(_ job: Job) async throws -> Int64 {
        if let claim { return claim.milliseconds }
        return try await job.configuration()["claim_timeout"].flatMap { Int64($0) } ?? JobGet.usualClaim
    }

    /// A token is the ms at which the claim began.
    private static func object(_ claim: JobClaim, lasts: Int64) -> JSONObject {
        JSONObject(members: [
            ("id", .string(claim.id)), ("token", .string(claim.token)), ("cancelled", .int(Int64(claim.cancelled))),
            ("deadline", .int(Int64((Double(claim.token) ?? 0).rounded()) + lasts)), ItemOutput.member(claim.bytes),
        ])
    }
}
