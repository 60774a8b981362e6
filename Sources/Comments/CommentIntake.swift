public import JSON
import Pipeline
import Store

/// Checks a comment when it is posted, by the rules of the stages `validate` and `format`, so that the sender gets an
/// error at once.
public struct CommentIntake {
    public enum Verdict: Sendable {
        /// The event to put into the queue: the bytes as received, or with an `id` added when they had none.
        case taken(event: [UInt8], id: String)
        /// What is wrong, and what is expected instead.
        case refused(reason: String)
        /// What is too large, and how much of it is taken.
        case tooLarge(reason: String)
    }

    /// The stages of the pipeline that a posted comment must be able to pass.
    public struct Options: Sendable {
        public var validate: ValidateOptions
        /// Nil: the pipeline has no such stage.
        public var format: FormatOptions?

        public init(validate: ValidateOptions = ValidateOptions(), format: FormatOptions? = FormatOptions()) {
            self.validate = validate
            self.format = format
        }
    }

    private let validator: Validator
    private let formatter: CommentFormatter?
    private var generator = SystemRandomNumberGenerator()

    public init(_ options: Options = Options()) {
        validator = Validator(options: options.validate)
        formatter = options.format.map(CommentFormatter.init)
    }

    /// - Parameters:
    ///   - raw: the comment as received.
    ///   - fields: `raw`, parsed.
    ///   - now: milliseconds since 1970.
    public mutating func take(_ raw: [UInt8], fields: JSONObject, now: Int64) -> Verdict {
        // The pipeline pairs an event with its Thoonk job, gives it a version and says who sent it: a client must not.
        for member in LeadingMembers.names where fields[member] != nil {
            return .refused(reason: "`\(member)` is a member of ours; leave it out")
        }
        var event = Event(fields: fields, raw: raw)
        if let problem = validator.sizeProblem(event) { return .tooLarge(reason: problem) }
        if let problem = validator.check(&event, now: now, using: &generator) { return .refused(reason: problem) }
        var formatted = event.fields
        if let problem = formatter?.format(&formatted) { return .tooLarge(reason: problem) }
        guard let id = event.fields["id"]?.string else { return .refused(reason: "the comment has no id") }
        if let given = fields["id"], !given.isNull { return .taken(event: raw, id: id) }
        var completed = fields
        completed["id"] = .string(id)
        return .taken(event: completed.bytes, id: id)
    }
}
