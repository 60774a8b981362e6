/// How long it took to put, get and finish a number of jobs, in seconds.
struct JobsTimes: Sendable {
    /// In the order in which a job meets them.
    enum Verb: String, CaseIterable, Sendable {
        case put, get, finish
    }

    private var seconds: [Verb: Double] = [:]

    subscript(verb: Verb) -> Double {
        get { seconds[verb] ?? 0 }
        set { seconds[verb] = newValue }
    }
}
