internal import Redis

/// A job that a worker has taken: what to do, and the proof that it is his.
///
/// The claim ends by ``Job/finish(_:result:)``, ``Job/cancel(_:)`` or ``Job/stall(_:)``, or when its time is over: then
/// somebody else may take the job, and a late finish of this claim is refused.
public struct JobClaim: Sendable, Equatable {
    /// As text: an id that is no UTF-8, which only another client can have made, is repaired. The claim works all the
    /// same.
    public var id: String { String(decoding: rawID, as: UTF8.self) }
    /// What is to be done.
    public let bytes: [UInt8]
    /// How often the job was cancelled, or its claim's time was over, before.
    public let cancelled: Int
    /// Proves the claim; another claim on the same job has another one. May be kept as text and given to
    /// ``Job/finish(id:token:result:)`` by another process.
    public let token: String

    /// The item as text, repaired where it is no UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    let rawID: [UInt8]

    init(rawID: [UInt8], bytes: [UInt8], cancelled: Int, token: String) {
        self.rawID = rawID
        self.bytes = bytes
        self.cancelled = cancelled
        self.token = token
    }
}

/// What became of a verb that ends or prolongs a claim.
public enum ClaimOutcome: String, Sendable {
    /// It was done.
    case done = "OK"
    /// Nothing was done: somebody else holds the job now, since this claim's time was over.
    case lost = "LOST"
    /// Nothing was done: nobody holds the job. It is finished, waits again, is stalled or was retracted.
    case notClaimed = "NOT_CLAIMED"
}

/// Verbs for what is claimed. Those that take a ``JobClaim`` are refused when the claim is no longer the job's.
extension Job {
    /// Ends a job: it is gone.
    ///
    /// - Parameters:
    ///   - claim: what the get of the job gave.
    ///   - result: announced to whoever follows the feed; without one nothing is.
    @discardableResult
    public func finish(_ claim: JobClaim, result: (any ItemBytes)? = nil) async throws -> ClaimOutcome {
        try await finish([claim], results: [result?.itemBytes]).first ?? .notClaimed
    }

    /// Ends several jobs in one step.
    ///
    /// - Parameters:
    ///   - claims: what gets gave.
    ///   - results: one for each claim, in their order; claims beyond have none.
    /// - Returns: what became of each, in their order.
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

    /// Gives a job up: it waits again, behind the others, and the cancel is counted.
    @discardableResult
    public func cancel(_ claim: JobClaim) async throws -> ClaimOutcome {
        try await end("job_cancel", claim.rawID, claim.token)
    }

    /// Sets a job aside until it is retried.
    @discardableResult
    public func stall(_ claim: JobClaim) async throws -> ClaimOutcome {
        try await end("job_stall", claim.rawID, claim.token)
    }

    /// Makes a claim end that long from now.
    @discardableResult
    public func extend(_ claim: JobClaim, by time: Duration) async throws -> ClaimOutcome {
        try await end("job_extend", String(time.wholeMilliseconds), claim.rawID, claim.token)
    }

    /// Ends a job by its id.
    ///
    /// - Parameters:
    ///   - id: the job's.
    ///   - token: that of the claim; nil: whoever has claimed it. For operators, and as the contract has it.
    ///   - result: announced to whoever follows the feed; without one nothing is.
    @discardableResult
    public func finish(id: String, token: String? = nil, result: (any ItemBytes)? = nil) async throws -> ClaimOutcome {
        var command = command("job_finish", id, token ?? "", result == nil ? "0" : "1")
        command.append(result?.itemBytes ?? [])
        return try await outcomes(command).first ?? .notClaimed
    }

    /// Gives a job up by its id; see ``finish(id:token:result:)``.
    @discardableResult
    public func cancel(id: String, token: String? = nil) async throws -> ClaimOutcome {
        try await end("job_cancel", Array(id.utf8), token ?? "")
    }

    /// Sets a job aside by its id; see ``finish(id:token:result:)``.
    @discardableResult
    public func stall(id: String, token: String? = nil) async throws -> ClaimOutcome {
        try await end("job_stall", Array(id.utf8), token ?? "")
    }

    /// Prolongs a claim by the job's id; see ``finish(id:token:result:)``.
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
