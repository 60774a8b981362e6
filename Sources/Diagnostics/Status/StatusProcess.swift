import JSON

/// A process as its heartbeats show it.
struct StatusProcess {
    let id: String
    /// `worker` or `edge`.
    let role: String
    let host: String
    let pid: String
    /// What a worker serves.
    let stages: [String]
    /// The last heartbeat, in ms since 1970 by the server's clock.
    let beat: Int64
    /// Resident memory, in KiB.
    let memory: Int64
    /// The last round trip to Redis, in µs.
    let roundTrip: Int64
    /// Of a worker.
    let lanes: Int64?
    /// Of an edge.
    let connections: Int64?
    /// Of an edge: polls and streams that it holds.
    let readers: Int64?
    /// Whether it has said that it ends.
    let isLeaving: Bool

    init(_ json: JSON) {
        func number(_ key: String) -> Int64? { json[key]?.string.flatMap { Int64($0) } }
        id = json["id"]?.string ?? "?"
        role = json["role"]?.string ?? "?"
        host = json["host"]?.string ?? "?"
        pid = json["pid"]?.string ?? "?"
        stages = (json["stages"]?.string ?? "").split(separator: ",").map(String.init)
        beat = number("beat") ?? 0
        memory = number("memory_kb") ?? 0
        roundTrip = number("redis_us") ?? 0
        lanes = number("lanes")
        connections = number("connections")
        readers = number("readers")
        isLeaving = json["leaving"]?.string == "1"
    }
}
