/// How a job ends with its event, in the words that `job.finish` announces. Source of the form: tidings.lua.
enum JobOutcome: Hashable, Comparable {
    case published
    /// The last stage let it go without publishing it: an archive, a webhook.
    case done
    case dropped(reason: String)
    /// A dead letter: the job is stalled, for somebody to look at.
    case stalled

    var text: String {
        switch self {
        case .published: "published"
        case .done: "done"
        case .dropped(let reason): "dropped: \(reason)"
        case .stalled: "stalled"
        }
    }

    static func < (left: JobOutcome, right: JobOutcome) -> Bool { left.text < right.text }
}
