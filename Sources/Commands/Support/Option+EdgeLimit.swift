import ArgumentParser
import Configuration
import Edge

extension Option where Value == String? {
    /// The flag of a limit of the edge: its text, or nil when it is not given.
    init(_ limit: EdgeLimit) {
        let help: ArgumentHelp = """
            \(limit.declaration.meaning). (env \(limit.variable), key edge.limits.\(limit.name); default \
            \(limit.text(limit.standard)))
            """
        self.init(name: .customLong(limit.flag), help: help)
    }
}
