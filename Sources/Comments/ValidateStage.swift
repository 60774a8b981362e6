public import Pipeline

/// `validate`: turns away what is no event of a conversation, completes the others and marks repeats.
///
/// An event needs `thread`, a string or a whole number of 1 to 200 bytes without control characters, braces or white
/// space at its ends; the same holds for `forum`, `id` and `author.id` where they are given. A created or edited comment
/// needs `text`. What is missing is given: `id` (UUID version 7), `type` (`comment.created`), `received_at` (milliseconds
/// since 1970). Members it does not know pass through. What is refused becomes a dead letter with the reason.
public final class ValidateStage: Stage {
    private let validator: Validator
    private var generator = SystemRandomNumberGenerator()

    public init(_ options: ValidateOptions = ValidateOptions()) {
        validator = Validator(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        validator.decide(event, now: context.now, using: &generator)
    }
}
