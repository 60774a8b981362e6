internal import Redis

/// A claimed job: what to do, and the token that proves the claim.
///
/// The claim ends with ``Job/finish(_:result:)``, ``Job/cancel(_:)`` or ``Job/stall(_:)``, or when it expires. Then
/// another worker may claim the job, and a late finish with this claim is refused.
public struct JobClaim: Sendable, Equatable {
    /// The id as text. An id that is not UTF-8, which only another client can have made, is repaired; the claim works
    /// nevertheless.
    public var id: String { String(decoding: rawID, as: UTF8.self) }
    /// What the worker is to do.
    public let bytes: [UInt8]
    /// How often the job was cancelled, or a claim on it expired, before this claim.
    public let cancelled: Int
    /// Identifies this claim: each claim on a job has a token of its own. It may be stored as text and given to
    /// ``Job/finish(id:token:result:)`` by another process.
    public let token: String

    /// The content as text, repaired where it is not UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    let rawID: [UInt8]

    init(rawID: [UInt8], bytes: [UInt8], cancelled: Int, token: String) {
        self.rawID = rawID
        self.bytes = bytes
        self.cancelled = cancelled
        self.token = token
    }
}

/// The outcome of a verb that ends or extends a claim.
public enum ClaimOutcome: String, Sendable {
    /// The verb was done.
    case done = "OK"
    /// Nothing was done: this claim expired and another worker has claimed the job.
    case lost = "LOST"
    /// Nothing was done: the job is not claimed. It is finished, waits again, is stalled or was retracted.
    case notClaimed = "NOT_CLAIMED"
}

/// Verbs that end or extend claims. With a ``JobClaim`` they are refused when the job has another claim by now.
extension Job {
    /// Finishes a job, which removes it.
    ///
    /// - Parameters:
    ///   - claim: the claim, as a get returned it.
    ///   - result: announced to everybody who follows the feed; nil: nothing is announced.
    @discardableResult
    public func finish(_ claim: JobClaim, result: (any ItemBytes)? = nil) async throws -> ClaimOutcome {
        try await finish([claim], results: [result?.itemBytes]).first ?? .notClaimed
    }

    /// Finishes several jobs in one step.
    ///
    /// - Parameters:
    ///   - claims: claims, as gets returned them.
    ///   - results: one for each claim, in the same order; missing ones count as nil.
    /// - Returns: the outcome for each claim, in the same order.
    @discardableResult
    public func finish(_ claims: [JobClaim], results: [[UInt8]?] = []) async throws -> [ClaimOutcome] {
        guard !claims.isEmpty else { return [] }
        var command = command("job_finish")
        for (index, claim) in claims.enumerated() {
            let result = index < results.count ? results[index] : nil
            command.append(claim.rawID)
            command.append(claim.token)
            command.append(result == nil ? "0" : "1")
            command.append(result ?? [])
        }
        return try await outcomes(command)
    }

    /// Gives a job back: it waits again behind the others, and the cancel is counted.
    @discardableResult
    public func cancel(_ claim: JobClaim) async throws -> ClaimOutcome {
        try await end("job_cancel", claim.rawID, claim.token)
    }

    /// Sets a job aside until ``Job/retry(_:)``.
    @discardableResult
    public func stall(_ claim: JobClaim) async throws -> ClaimOutcome {
        try await end("job_stall", claim.rawID, claim.token)
    }

    /// Makes a claim expire `time` from now.
    @discardableResult
    public func extend(_ claim: JobClaim, by time: Duration) async throws -> ClaimOutcome {
        try await end("job_extend", String(time.wholeMilliseconds), claim.rawID, claim.token)
    }

    /// Finishes a job by its id.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - token: the claim's token; nil: whichever claim the job has, for operators and as the contract has it.
    ///   - result: announced to everybody who follows the feed; nil: nothing is announced.
    @discardableResult
    public func finish(id: String, token: String? = nil, result: (any ItemBytes)? = nil) async throws -> ClaimOutcome {
        var command = command("job_finish", id, token ?? "", result == nil ? "0" : "1")
        command.append(result?.itemBytes ?? [])
        return try await outcomes(command).first ?? .notClaimed
    }

    /// Gives a job back by its id; see ``finish(id:token:result:)``.
    @discardableResult
    public func cancel(id: String, token: String? = nil) async throws -> ClaimOutcome {
        try await end("job_cancel", Array(id.utf8), token ?? "")
    }

    /// Sets a job aside by its id; see ``finish(id:token:result:)``.
    @discardableResult
    public func stall(id: String, token: String? = nil) async throws -> ClaimOutcome {
        try await end("job_stall", Array(id.utf8), token ?? "")
    }

    /// Extends a claim by the job's id; see ``finish(id:token:result:)``.
    @discardableResult
    public func extend(id: String, token: String? = nil, by time: Duration) async throws -> ClaimOutcome {
        try await end("job_extend", String(time.wholeMilliseconds), Array(id.utf8), token ?? "")
    }

    private func end(_ function: String, _ id: [UInt8], _ token: String) async throws -> ClaimOutcome {
        var command = command(function)
        command.append(id)
        command.append(token)
        return try await outcomes(command).first ?? .notClaimed
    }

    private func end(_ function: String, _ time: String, _ id: [UInt8], _ token: String) async throws -> ClaimOutcome {
        var command = command(function, time)
        command.append(id)
        command.append(token)
        return try await outcomes(command).first ?? .notClaimed
    }

    private func outcomes(_ command: RedisCommand) async throws -> [ClaimOutcome] {
        try await client.core.call(command).array?.map { $0.text.flatMap(ClaimOutcome.init) ?? .notClaimed } ?? []
    }
}
