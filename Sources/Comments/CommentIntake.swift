public import JSON
import Pipeline

/// Checks a comment where it comes in, as the stage `validate` will, so that whoever sends it hears at once what is wrong.
public struct CommentIntake {
    public enum Verdict: Sendable {
        /// To be put into the queue: the bytes as they came, with an `id` where they had none.
        case taken(event: [UInt8], id: String)
        /// What is wrong and what is expected.
        case refused(reason: String)
    }

    private let validator: Validator
    private var generator = SystemRandomNumberGenerator()

    public init(_ options: ValidateOptions = ValidateOptions()) {
        validator = Validator(options: options)
    }

    /// - Parameters:
    ///   - raw: the comment as it came.
    ///   - fields: the same, parsed.
    ///   - now: milliseconds since 1970.
    public mutating func take(_ raw: [UInt8], fields: JSONObject, now: Int64) -> Verdict {
        // Pairs an event with the Thoonk job that it came from: not for strangers to say.
        guard fields["_job"] == nil else { return .refused(reason: "`_job` is a member of ours; leave it out") }
        var event = Event(fields: fields, raw: raw)
        if let problem = validator.check(&event, now: now, using: &generator) { return .refused(reason: problem) }
        guard let id = event.fields["id"]?.string else { return .refused(reason: "the comment has no id") }
        if let given = fields["id"], !given.isNull { return .taken(event: raw, id: id) }
        var completed = fields
        completed["id"] = .string(id)
        return .taken(event: completed.bytes, id: id)
    }
}
