import JSON

/// What `tidings_stats` says, summed up by stage, as a table for a person.
struct StatusReport {
    struct Stage {
        var waiting: Int64 = 0
        var counters: [String: Int64] = [:]
        var lanes = 0
        var owned = 0
        var paused = 0
        var oldest: Int64?
    }

    let pipeline: String
    /// Milliseconds since 1970, by the server's clock.
    let time: Int64
    let order: [String]
    let stages: [String: Stage]
    let feeds: Int64
    let processes: [JSON]
    /// Thoonk sources that are doors.
    let doors: [JSON]
    /// Jobs whose events are on their way.
    let jobs: Int64

    static let counters = ["in", "out", "dropped", "held", "dead"]

    init(_ object: JSONObject) {
        pipeline = object["pipeline"]?.string ?? ""
        time = object["time"]?.int ?? Int64(object["time"]?.double ?? 0)
        order = ["incoming"] + (object["stages"]?.array ?? []).compactMap(\.string)
        feeds = object["feeds"]?.int ?? 0
        processes = object["processes"]?.array ?? []
        doors = object["doors"]?.array ?? []
        jobs = object["jobs"]?.int ?? 0
        var stages: [String: Stage] = [:]
        for lane in object["lanes"]?.array ?? [] {
            var stage = stages[lane["stage"]?.string ?? ""] ?? Stage()
            stage.waiting += lane["waiting"]?.int ?? 0
            stage.lanes += 1
            stage.owned += lane["live"]?.bool == true ? 1 : 0
            stage.paused += lane["paused"]?.bool == true ? 1 : 0
            if let oldest = lane["oldest_ms"]?.int { stage.oldest = max(stage.oldest ?? 0, oldest) }
            for counter in StatusReport.counters { stage.counters[counter, default: 0] += lane[counter]?.int ?? 0 }
            stages[lane["stage"]?.string ?? ""] = stage
        }
        self.stages = stages
    }

    /// The table.
    ///
    /// - Parameter since: an earlier report, for the rates.
    func text(since earlier: StatusReport?, coloured: Bool) -> String {
        let bold = coloured ? "\u{1B}[1m" : ""
        let red = coloured ? "\u{1B}[31m" : ""
        let plain = coloured ? "\u{1B}[0m" : ""
        var lines = ["\(bold)pipeline \(pipeline)\(plain)   feeds \(feeds)   processes \(processes.count)", ""]
        let titles = ["waiting"] + StatusReport.counters + ["rate/s", "lanes", "oldest"]
        lines.append(bold + Text.left("stage", 14) + titles.map { Text.right($0, 10) }.joined() + plain)
        for name in order {
            guard let stage = stages[name] else { continue }
            var cells = [Text.grouped(Int(stage.waiting))]
            cells += StatusReport.counters.map { Text.grouped(Int(stage.counters[$0] ?? 0)) }
            cells.append(rate(of: name, since: earlier))
            cells.append("\(stage.owned)/\(stage.lanes)")
            cells.append(stage.oldest.map { Text.seconds(Double($0) / 1000) } ?? "-")
            let alarm = stage.owned < stage.lanes || stage.paused > 0 || (stage.counters["dead"] ?? 0) > 0
            let note = stage.paused > 0 ? "  paused" : stage.owned < stage.lanes ? "  lanes without a worker" : ""
            lines.append(
                (alarm ? red : "") + Text.left(name, 14) + cells.map { Text.right($0, 10) }.joined() + note
                    + (alarm ? plain : ""))
        }
        lines.append("")
        if !doors.isEmpty {
            lines += doors.map { describe(door: $0) }
            if jobs > 0 { lines.append("jobs    \(Text.grouped(Int(jobs))) on their way") }
            lines.append("")
        }
        lines += processes.map { describe($0) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func rate(of name: String, since earlier: StatusReport?) -> String {
        guard let earlier, let now = stages[name], let before = earlier.stages[name], time > earlier.time else {
            return "-"
        }
        func done(_ stage: Stage) -> Int64 {
            ["out", "dropped", "held", "dead"].reduce(0) { $0 + (stage.counters[$1] ?? 0) }
        }
        return Text.grouped(Int((done(now) - done(before)) * 1000 / (time - earlier.time)))
    }

    private func describe(door: JSON) -> String {
        let words = "door    \(door["kind"]?.string ?? "?") \(door["feed"]?.string ?? "?")"
        let waiting = door["kind"]?.string == "feed" ? "" : "  \(Text.grouped(Int(door["waiting"]?.int ?? 0))) waiting"
        return words + waiting + "  \(Text.grouped(Int(door["taken"]?.int ?? 0))) taken"
    }

    private func describe(_ process: JSON) -> String {
        let beat = time - (process["beat"]?.string.flatMap { Int64($0) } ?? time)
        let memory = (process["memory_kb"]?.string.flatMap { Int($0) } ?? 0) / 1024
        var words = [
            Text.left(process["role"]?.string ?? "?", 7), process["id"]?.string ?? "?",
            "pid \(process["pid"]?.string ?? "?")", "\(memory) MB", "redis \(process["redis_us"]?.string ?? "?") us",
            "seen \(Text.seconds(Double(max(0, beat)) / 1000)) ago",
        ]
        if let lanes = process["lanes"]?.string { words.append("\(lanes) lanes") }
        if let readers = process["connections"]?.string { words.append("\(readers) connections") }
        return words.joined(separator: "  ")
    }
}
