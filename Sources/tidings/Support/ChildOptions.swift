import ArgumentParser
import Events
import Glibc

/// What a supervisor tells its children; not for people.
struct ChildOptions: ParsableArguments {
    @Option(name: .customLong("child"), help: .hidden)
    var id: String?

    @Option(name: .customLong("parent"), help: .hidden)
    var parent: Int32?

    /// Ends with the parent, where there is one.
    func followParent() {
        if let parent { ParentDeath.deliver(SIGTERM, ofParent: parent) }
    }
}
