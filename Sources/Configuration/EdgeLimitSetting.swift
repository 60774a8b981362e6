package import Edge
package import Yams

/// What `edge.limits` says. A limit that it does not name is left to the flags, the environment and the defaults.
package struct EdgeLimitSetting {
    private var values: [EdgeLimit: Int] = [:]

    /// What stands in `edge` beside other things: the limits, and three of them where they stood first.
    package static let keys = ["limits"] + early.map(\.name)
    private static let early: [EdgeLimit] = [.connectionsPerAddress, .acceptRate, .streamTimeout]

    package init() {}

    /// - Parameter members: those of `edge`.
    package init(_ members: [String: ConfigurationNode]) throws(ConfigurationError) {
        let limits = try members["limits"]?.members(known: EdgeLimit.allCases.map(\.name)) ?? [:]
        for limit in EdgeLimit.allCases {
            if let node = limits[limit.name] { values[limit] = try limit.read(node) }
        }
        for limit in EdgeLimitSetting.early {
            guard let node = members[limit.name] else { continue }
            guard values[limit] == nil else { throw node.error("stands in edge.limits as well; write it there only") }
            values[limit] = try limit.read(node)
        }
    }

    package subscript(limit: EdgeLimit) -> Int? { values[limit] }

    /// A file without what is read here: equal for two files that differ in nothing else. Nil when nothing is left.
    package static func rest(of root: Node) -> Node? {
        guard case .mapping(var top) = root else { return root }
        if case .mapping(var edge)? = top["edge"] {
            for key in keys { edge[key] = nil }
            top["edge"] = edge.isEmpty ? nil : .mapping(edge)
        }
        return top.isEmpty ? nil : .mapping(top)
    }
}
