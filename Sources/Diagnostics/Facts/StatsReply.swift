import JSON
import Pipeline
import Store

/// The reply of `tidings_stats`, as facts. The one place that knows its members.
struct StatsReply {
    /// A Thoonk source that is a door.
    struct Door {
        /// `queue`, `job` or `feed`.
        let kind: String
        let feed: String
        let waiting: Int64
        let taken: Int64
    }

    /// All of it, as it came.
    let object: JSONObject
    let pipeline: PipelineFacts
    /// Channels with a history.
    let feeds: Int64
    let doors: [Door]
    /// Jobs whose events are on their way.
    let jobs: Int64
    /// Conversations that take no comments.
    let closed: Int64

    init(_ object: JSONObject) {
        self.object = object
        feeds = object["feeds"]?.int ?? 0
        jobs = object["jobs"]?.int ?? 0
        closed = object["closed"]?.int ?? 0
        doors = (object["doors"]?.array ?? []).map { door in
            Door(
                kind: door["kind"]?.string ?? "?", feed: door["feed"]?.string ?? "?",
                waiting: door["waiting"]?.int ?? 0, taken: door["taken"]?.int ?? 0)
        }
        let time = object["time"]?.int ?? Int64(object["time"]?.double ?? 0)
        let layout = PipelineLayout(
            name: object["pipeline"]?.string ?? "", partitions: Int(object["partitions"]?.int ?? 1),
            stages: (object["stages"]?.array ?? []).compactMap(\.string))
        pipeline = PipelineFacts(
            layout: layout, lanes: (object["lanes"]?.array ?? []).map { StatsReply.lane($0, at: time) },
            processes: (object["processes"]?.array ?? []).map(StatsReply.process),
            former: (object["former"]?.array ?? []).map(StatsReply.formerLane), time: time)
    }

    private static func formerLane(_ json: JSON) -> FormerLane {
        FormerLane(
            id: LaneID(stage: json["stage"]?.string ?? "", partition: json["partition"]?.int.map { Int($0) }),
            deadLetters: json["dead_letters"]?.int ?? 0, heldEvents: json["held_events"]?.int ?? 0)
    }

    private static func lane(_ json: JSON, at time: Int64) -> LaneFacts {
        func number(_ member: String) -> Int64 { json[member]?.int ?? 0 }
        let id = LaneID(stage: json["stage"]?.string ?? "", partition: json["partition"]?.int.map { Int($0) })
        var fields: [String: String] = [:]
        for counter in LaneFacts.counters + ["attempts", "deaths"] { fields[counter] = String(number(counter)) }
        fields["owner"] = json["owner"]?.string
        fields["deadline"] = String(time + number("lease_ms"))
        fields["paused"] = json["paused"]?.bool == true ? "1" : nil
        return LaneFacts(
            id: id, fields: fields, waiting: number("waiting"), oldest: json["oldest_ms"]?.int,
            deadLetters: number("dead_letters"), heldEvents: number("held_events"), time: time)
    }

    private static func process(_ json: JSON) -> ProcessFacts {
        var fields: [String: String] = [:]
        for (name, value) in json.object?.members ?? [] { fields[name] = value.string }
        return ProcessFacts(
            id: fields["id"] ?? "?", beat: fields["beat"].flatMap { Double($0) }.map { Int64($0) } ?? 0,
            fields: fields)
    }
}
