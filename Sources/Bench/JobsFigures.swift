import Console
package import JSON

/// The figures of `tidings bench jobs`: runs of each kind, and what they come to in jobs per second.
package struct JobsFigures {
    package let jobs: Int
    package let batch: Int
    package var singly: [JobsTimes] = []
    package var batched: [JobsTimes] = []
    /// By thoonk.py, one job a call: it has no batches.
    package var python: [JobsTimes] = []

    package init(jobs: Int, batch: Int, singly: [JobsTimes] = [], batched: [JobsTimes] = [], python: [JobsTimes] = []) {
        self.jobs = jobs
        self.batch = batch
        self.singly = singly
        self.batched = batched
        self.python = python
    }

    /// Medians, a line a verb.
    package var table: String {
        let isBeside = !python.isEmpty
        var lines = [row("", isBeside ? "thoonk.py" : "", "tidings", isBeside ? "ratio" : "", "\(batch) a call")]
        for verb in JobsTimes.Verb.allCases {
            let (ours, theirs) = (rate(singly, verb), rate(python, verb))
            let ratio = isBeside ? "\(Spread.tenth(ours / theirs))" : ""
            let beside = isBeside ? JobsFigures.whole(theirs) : ""
            lines.append(
                row(verb.rawValue, beside, JobsFigures.whole(ours), ratio, JobsFigures.whole(rate(batched, verb))))
        }
        return "jobs/s, medians\n" + lines.joined(separator: "\n") + "\n"
    }

    /// One object, with the figures of all runs of each verb.
    package var json: JSONObject {
        var object: JSONObject = ["jobs": .int(Int64(jobs)), "batch": .int(Int64(batch))]
        object["singly_jobs_per_s"] = rates(singly)
        object["batched_jobs_per_s"] = rates(batched)
        if !python.isEmpty { object["thoonk_py_jobs_per_s"] = rates(python) }
        return object
    }

    private func rates(_ runs: [JobsTimes]) -> JSON {
        var object = JSONObject()
        for verb in JobsTimes.Verb.allCases {
            object[verb.rawValue] = .array(runs.map { JSON.double((Double(jobs) / $0[verb]).rounded()) })
        }
        return .object(object)
    }

    /// The median.
    private func rate(_ runs: [JobsTimes], _ verb: JobsTimes.Verb) -> Double {
        Spread(runs.map { Double(jobs) / $0[verb] }).median
    }

    private static func whole(_ number: Double) -> String { Text.grouped(Int(number)) }

    private func row(_ cells: String...) -> String {
        Text.left(cells[0], 8) + cells.dropFirst().map { Text.right($0, 13) }.joined()
    }
}
