/// A failure of a stage that another attempt may cure: the event is tried again in place, with backoff.
///
/// What no attempt can cure is no error: return ``Disposition/reject(reason:)``.
public struct StageError: Error, CustomStringConvertible {
    /// What failed, and what to do about it. Stored with the dead letter when the attempts are used up.
    public let message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String { message }
}
