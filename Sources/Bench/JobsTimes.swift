/// How long it took to put, get and finish a number of jobs, in seconds.
package struct JobsTimes: Sendable {
    /// In the order in which a job meets them.
    package enum Verb: String, CaseIterable, Sendable {
        case put, get, finish
    }

    private var seconds: [Verb: Double] = [:]

    package subscript(verb: Verb) -> Double {
        get { seconds[verb] ?? 0 }
        set { seconds[verb] = newValue }
    }
}
