internal import Redis

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

    /// Has a stalled job wait again, behind the others.
    ///
    /// - Returns: false when it is not stalled: nothing was done.
    @discardableResult
    public func retry(_ id: String) async throws -> Bool {
        try await client.core.call(command("job_retry", id)).array?.first?.text == "OK"
    }

    /// Removes a job, wherever it is. A claim on it is lost.
    ///
    /// - Returns: false when there was none.
    @discardableResult
    public func retract(_ id: String) async throws -> Bool {
        try await client.core.call(command("job_retract", id)).integer == 1
    }

    /// Looks through the whole feed for jobs that a client has lost, in many small steps, and takes back claims whose
    /// time is over. To be called now and then, once in `grace` say, by any number of programs.
    ///
    /// Clients that take a job and claim it in two steps lose it when they die in between: it is in no list then. One
    /// that is just being taken looks the same for a moment; so a job is put back only when it has been found so over
    /// the grace time, by at least two rounds.
    public func maintenance(grace: Duration = .seconds(60)) async throws -> MaintenanceReport {
        var report = MaintenanceReport()
        var cursor = ""
        repeat {
            let command = command("job_maintenance", String(grace.wholeMilliseconds), cursor)
            let parts = try await client.core.call(command).array ?? []
            guard parts.count == 4 else {
                throw ThoonkError(.refused, "thoonk_job_maintenance answered in an unknown form")
            }
            cursor = parts[0].text ?? ""
            report.putBack += Int(parts[1].integer ?? 0)
            report.takenBack += Int(parts[2].integer ?? 0)
            report.missing = Int(parts[3].integer ?? 0)
            try Task.checkCancellation()
        } while !cursor.isEmpty
        return report
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
