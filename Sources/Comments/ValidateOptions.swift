/// What the stage `validate` can be told.
public struct ValidateOptions: Sendable {
    /// The largest event, in bytes of JSON as it stood in the queue.
    public var maxBytes: Int

    public init(maxBytes: Int = 65_536) {
        self.maxBytes = maxBytes
    }
}
