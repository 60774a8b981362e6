public import JSON
import Pipeline

/// Checks a comment when it is posted, by the rules of the stage `validate`, so that the sender gets an error at once.
public struct CommentIntake {
    public enum Verdict: Sendable {
        /// The event to put into the queue: the bytes as received, or with an `id` added when they had none.
        case taken(event: [UInt8], id: String)
        /// What is wrong, and what is expected instead.
        case refused(reason: String)
    }

    private let validator: Validator
    private var generator = SystemRandomNumberGenerator()

    public init(_ options: ValidateOptions = ValidateOptions()) {
        validator = Validator(options: options)
    }

    /// - Parameters:
    ///   - raw: the comment as received.
    ///   - fields: `raw`, parsed.
    ///   - now: milliseconds since 1970.
    public mutating func take(_ raw: [UInt8], fields: JSONObject, now: Int64) -> Verdict {
        // The pipeline pairs an event with its Thoonk job, gives it a version and says who sent it: a client must not.
        for member in ["_job", "_v", "_by"] where fields[member] != nil {
            return .refused(reason: "`\(member)` is a member of ours; leave it out")
        }
        var event = Event(fields: fields, raw: raw)
        if let problem = validator.check(&event, now: now, using: &generator) { return .refused(reason: problem) }
        guard let id = event.fields["id"]?.string else { return .refused(reason: "the comment has no id") }
        if let given = fields["id"], !given.isNull { return .taken(event: raw, id: id) }
        var completed = fields
        completed["id"] = .string(id)
        return .taken(event: completed.bytes, id: id)
    }
}
