/// A question to the facts. Judging is pure: facts in, verdict out.
struct DoctorCheck: Sendable {
    /// What the documentation and `--json` call it: short, in kebab case.
    let id: String
    let group: DoctorGroup
    let judge: @Sendable (DoctorFacts) -> Verdict

    init(_ id: String, _ group: DoctorGroup, _ judge: @escaping @Sendable (DoctorFacts) -> Verdict) {
        self.id = id
        self.group = group
        self.judge = judge
    }

    /// All checks, in the order in which they are reported and repaired.
    static let all: [DoctorCheck] =
        ServerChecks.all + DurabilityChecks.all + MemoryChecks.all + ConnectionChecks.all + PipelineChecks.all
        + LaneChecks.all + ProcessChecks.all + KeyChecks.all + FeedChecks.all + SystemChecks.all
}
