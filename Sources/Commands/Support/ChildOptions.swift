import ArgumentParser
import Events
import Supervision

/// What a supervisor tells its children; not for people.
struct ChildOptions: ParsableArguments {
    @Option(name: .customLong("child"), help: .hidden)
    var id: String?

    @Option(name: .customLong("parent"), help: .hidden)
    var parent: Int32?

    /// Seconds that it has to end in order when its supervisor is gone: as many as the supervisor would give it.
    @Option(name: .customLong("grace"), help: .hidden)
    var grace = 20

    /// Ends with the parent, where there is one.
    func followParent() {
        if let parent { ParentDeath.end(withParent: parent, grace: grace) }
    }
}
