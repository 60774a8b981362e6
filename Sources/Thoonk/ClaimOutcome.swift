/// What became of a verb that ends or prolongs a claim.
public enum ClaimOutcome: String, Sendable {
    /// It was done.
    case done = "OK"
    /// Nothing was done: somebody else holds the job now, since this claim's time was over.
    case lost = "LOST"
    /// Nothing was done: nobody holds the job. It is finished, waits again, is stalled or was retracted.
    case notClaimed = "NOT_CLAIMED"
}
