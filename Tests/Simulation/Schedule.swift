/// What is needed to run a simulation again: its options and its steps. Has a text form, which is printed for a finding.
package struct Schedule: Hashable {
    package var options: SimulationOptions
    package var steps: [Step]

    package init(options: SimulationOptions, steps: [Step]) {
        self.options = options
        self.steps = steps
    }

    /// Reads the text form: a line of options, then a step a line. Empty lines and what follows a `#` are left out.
    ///
    /// - Throws: ``ScheduleError`` that names the line.
    package init(_ text: String) throws(ScheduleError) {
        options = SimulationOptions()
        steps = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = String(line.prefix { $0 != "#" }).split(separator: " ").joined(separator: " ")
            if line.isEmpty { continue }
            if line.hasPrefix("options") {
                guard let read = SimulationOptions(line) else { throw ScheduleError(line: index + 1, text: line) }
                options = read
            } else if let step = Step(line) {
                steps.append(step)
            } else {
                throw ScheduleError(line: index + 1, text: line)
            }
        }
    }

    package var text: String {
        ([options.description] + steps.map(\.description)).joined(separator: "\n") + "\n"
    }
}

/// A line of a schedule that cannot be read.
package struct ScheduleError: Error, CustomStringConvertible {
    package var line: Int
    package var text: String

    package var description: String { "line \(line) is no step: \(text)" }
}

extension SimulationOptions: CustomStringConvertible {
    package var description: String {
        "options partitions=\(partitions) workers=\(workers) edges=\(edges) history=\(history) ttl=\(ttl) batch=\(batch) "
            + "ring=\(ring) seed=\(seed)"
    }

    /// Reads the text form; nil when it is none. What is left out is as usual.
    package init?(_ line: String) {
        self.init()
        let words = line.split(separator: " ")
        guard words.first == "options" else { return nil }
        for word in words.dropFirst() {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let value = UInt64(parts[1]), let count = Int(exactly: value) ?? Int("0") else {
                return nil
            }
            switch parts[0] {
            case "partitions": partitions = count
            case "workers": workers = count
            case "edges": edges = count
            case "history": history = count
            case "ttl": ttl = Int64(count)
            case "batch": batch = count
            case "ring": ring = count
            case "seed": seed = value
            default: return nil
            }
        }
    }

    /// The processes that a schedule begins with.
    package var processes: [Step.ProcessName] {
        (0..<workers).map { "w\($0)" } + (0..<edges).map { "e\($0)" }
    }
}
