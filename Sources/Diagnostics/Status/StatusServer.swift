import JSON

/// What Redis says about itself, as far as it concerns who looks at the pipeline: some fields of INFO.
struct StatusServer {
    /// The fields that are asked for, shown in this order.
    static let fields = [
        "redis_version", "uptime_in_seconds", "used_memory", "maxmemory", "maxmemory_policy", "connected_clients",
        "instantaneous_ops_per_sec", "aof_enabled", "aof_last_write_status", "rdb_last_bgsave_status",
    ]
    /// The sections of INFO that have them.
    static let sections = ["server", "memory", "clients", "stats", "persistence"]

    private let values: [String: String]

    /// - Parameter info: the fields of INFO; none, where the user may not ask for them.
    init(info: [String: String]) {
        values = info.filter { StatusServer.fields.contains($0.key) }
    }

    subscript(field: String) -> String? { values[field] }

    /// A number out of it.
    func number(_ field: String) -> Int64? { values[field].flatMap { Int64($0) } }

    /// The fields that are known, numbers as numbers. Nil: none is.
    var json: JSON? {
        if values.isEmpty { return nil }
        return .object(
            JSONObject(
                members: StatusServer.fields.compactMap { field in
                    guard let value = values[field] else { return nil }
                    let isText = field == "redis_version"
                    return (
                        key: field, value: isText ? .string(value) : Int64(value).map { .int($0) } ?? .string(value)
                    )
                }))
    }
}
