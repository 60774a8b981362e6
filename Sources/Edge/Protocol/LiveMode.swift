/// What a reader wants when it has all there is (Durable Streams, 5.5 to 5.7).
enum LiveMode: Equatable {
    /// An answer at once.
    case none
    /// An answer when there is something, or at the end of the hold.
    case longPoll
    /// One answer without an end.
    case serverSentEvents
}
