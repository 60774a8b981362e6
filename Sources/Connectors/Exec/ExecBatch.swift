import Pipeline

/// A lane's batch at an `exec` program: what was asked, and what has been answered.
struct ExecBatch {
    /// How it ended.
    enum Outcome {
        /// All events are answered.
        case answered([Disposition])
        /// The events before one that the program ended over are answered; that one has failed.
        case blamed([Disposition], StageError)
        /// The program cannot be started: no event is at fault.
        case failed(StageError)
    }

    let events: [Event]
    var dispositions: [Disposition] = []
    let completion: (Outcome) -> Void
}
