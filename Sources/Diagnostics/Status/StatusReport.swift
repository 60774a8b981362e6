package import JSON

/// What `tidings_stats` and INFO say, put in order.
package struct StatusReport {
    /// All of it, as it came.
    package let object: JSONObject
    package let pipeline: String
    /// Milliseconds since 1970, by the server's clock.
    package let time: Int64
    /// The doors, then the stages in the order in which events pass them.
    let stages: [StatusStage]
    /// Channels with a history.
    package let feeds: Int64
    let processes: [StatusProcess]
    /// Thoonk sources that are doors.
    package let doors: [JSON]
    /// Jobs whose events are on their way.
    package let jobs: Int64
    let server: StatusServer

    package static let counters = ["in", "out", "dropped", "held", "dead"]

    /// - Parameter info: fields of INFO.
    package init(_ object: JSONObject, info: [String: String] = [:]) {
        self.object = object
        pipeline = object["pipeline"]?.string ?? ""
        time = object["time"]?.int ?? Int64(object["time"]?.double ?? 0)
        feeds = object["feeds"]?.int ?? 0
        processes = (object["processes"]?.array ?? []).map(StatusProcess.init)
        doors = object["doors"]?.array ?? []
        jobs = object["jobs"]?.int ?? 0
        server = StatusServer(info: info)
        let lanes = Dictionary(grouping: (object["lanes"]?.array ?? []).map(StatusLane.init), by: \.stage)
        let names = ["incoming"] + (object["stages"]?.array ?? []).compactMap(\.string)
        stages = names.compactMap { name in lanes[name].map { StatusStage(name: name, lanes: $0) } }
    }

    func stage(_ name: String) -> StatusStage? {
        stages.first { $0.name == name }
    }

    /// The workers that serve a stage and are not about to end.
    func workers(of stage: String) -> [StatusProcess] {
        processes.filter { $0.role == "worker" && !$0.isLeaving && $0.stages.contains(stage) }
    }

    /// Events that a stage settled in a second since an earlier report; nil when that cannot be told.
    package func rate(of name: String, since earlier: StatusReport?) -> Int64? {
        guard let earlier, time > earlier.time, let now = stage(name), let before = earlier.stage(name) else {
            return nil
        }
        return (now.settled - before.settled) * 1000 / (time - earlier.time)
    }

    /// The document that `tidings status --json` prints and an edge's dashboard reads.
    package func document(_ advice: [StatusAdvice]) -> JSONObject {
        var document = object
        document["state"] = .string(advice.state)
        document["advice"] = .array(advice.map(\.json))
        document["redis"] = server.json ?? .null
        return document
    }
}
