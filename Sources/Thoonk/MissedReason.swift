/// Why events may be missing.
public enum MissedReason: Sendable, Equatable {
    /// The connection was lost and is there again.
    case reconnected
    /// The consumer was slower than the events for longer than the buffer lasts; that many were dropped.
    case tooSlow(dropped: Int)
}
