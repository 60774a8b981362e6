/// What became of posted comments.
public enum CommentVerdict: Sendable {
    /// Redis has them all: 202. The ids stand in the order of the comments.
    case accepted(ids: [String])
    /// None was taken: 400. The reason says what to correct.
    case invalid(reason: String)
    /// None was taken: 413.
    case tooLarge(reason: String)
    /// None was taken now: 503. `retryAfter` is in seconds.
    case unavailable(reason: String, retryAfter: Int)
}
