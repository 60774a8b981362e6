package import Edge

extension EdgeLimit {
    /// The setting of the limit: `max_connections` is the key `edge.limits.max_connections`, the flag `--max-connections` and
    /// the variable `TIDINGS_MAX_CONNECTIONS`. All the rest is in ``EdgeLimit/declaration``.
    package var setting: Setting<Int> {
        Setting(
            key: "edge.limits.\(name)", flag: String(name.map { $0 == "_" ? "-" : $0 }),
            variable: "TIDINGS_" + name.uppercased(), form, default: value(in: EdgeLimits()), declaration.meaning)
    }

    private var form: SettingForm<Int> {
        let range = declaration.range
        switch declaration.field {
        case .number: return .integer(range)
        case .bytes: return .size(range, bareNumbers: true)
        case .time:
            let time = SettingForm.time(Int64(range.lowerBound)...Int64(range.upperBound), bareNumbers: true)
            return time.map({ Int($0) }, { Int64($0) })
        }
    }
}

/// What `edge.limits` says. A limit that it does not name is left to the flags, the environment and the defaults.
package struct EdgeLimitSettings {
    private var values: [EdgeLimit: Int] = [:]

    /// Three limits may stand in `edge` itself as well, where they stood before `edge.limits` was there.
    private static let early: [EdgeLimit] = [.connectionsPerAddress, .acceptRate, .streamTimeout]
    /// The keys in `edge` that are read here.
    package static let keys = ["limits"] + early.map(\.name)

    package init() {}

    /// - Parameter members: those of `edge`.
    package init(_ members: [String: ConfigurationNode]) throws {
        let limits = try members["limits"]?.members(of: EdgeLimit.allCases.map(\.setting)) ?? [:]
        for limit in EdgeLimit.allCases {
            if let node = limits[limit.name] { values[limit] = try limit.setting.form.read(node) }
        }
        for limit in EdgeLimitSettings.early {
            guard let node = members[limit.name] else { continue }
            guard values[limit] == nil else { throw node.error("stands in edge.limits as well; write it there only") }
            values[limit] = try limit.setting.form.read(node)
        }
    }

    package subscript(limit: EdgeLimit) -> Int? { values[limit] }
}
