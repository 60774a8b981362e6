public import JSON

/// One event on its way through the pipeline: a JSON object.
public struct Event: Sendable {
    /// The members, in their order. A stage changes them in place.
    public var fields: JSONObject {
        didSet { isChanged = true }
    }

    /// The bytes that stood in the queue. Sent on as they are when no stage has changed `fields`.
    public let raw: [UInt8]

    /// What makes this event a repeat of another: set by a stage that wants repeats dropped. The commit drops the event
    /// when the same key was committed lately in this partition. At most 64 bytes.
    public var duplicateKey: [UInt8]?

    private var isChanged = false

    public init(fields: JSONObject, raw: [UInt8]) {
        self.fields = fields
        self.raw = raw
    }

    /// The bytes to hand on.
    public var bytes: [UInt8] {
        isChanged ? fields.bytes : raw
    }
}
