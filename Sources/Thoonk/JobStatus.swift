/// All there is to know about one job.
public struct JobStatus: Sendable, Equatable {
    public let state: JobState
    /// How often it was cancelled, or a claim's time was over.
    public let cancelled: Int
    /// How long the claim still lasts; nil when it is not claimed, or by a client whose claims do not end.
    public let claimEnds: Duration?
    /// What is to be done; empty when there is no such job.
    public let bytes: [UInt8]
}
