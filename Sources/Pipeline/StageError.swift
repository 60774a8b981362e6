/// A failure of a stage that another attempt may cure: the event is tried again in place, with backoff.
///
/// What no attempt can cure is no error: return ``Disposition/reject(reason:)``.
public struct StageError: Error, CustomStringConvertible {
    /// What failed, and what to do about it. Stored with the dead letter when the attempts are used up.
    public let message: String
    /// Whether this was an attempt of the event. When not, it is tried again however often: its turn has not come.
    public let isCounted: Bool

    public init(_ message: String, isCounted: Bool = true) {
        self.message = message
        self.isCounted = isCounted
    }

    /// Nothing was attempted: the stage could not get as far as this event yet, or waits before it tries it again. What
    /// stands before it is committed.
    public static func notYet(_ message: String) -> StageError {
        StageError(message, isCounted: false)
    }

    public var description: String { message }
}
