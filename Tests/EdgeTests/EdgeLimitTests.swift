import Testing

@testable import Edge

@Suite("The names of limits")
struct EdgeLimitTests {
    private static func stored(_ limits: EdgeLimits) -> [String: String] {
        let children = Mirror(reflecting: limits).children
        return Dictionary(uniqueKeysWithValues: children.map { ($0.label ?? "", "\($0.value)") })
    }

    @Test("every stored limit has exactly one name, and every name a stored limit")
    func complete() {
        let before = Self.stored(EdgeLimits())
        var named: [String: EdgeLimit] = [:]
        for limit in EdgeLimit.allCases {
            var limits = EdgeLimits()
            limit.set(limit.value(in: limits) + 1, in: &limits)
            let changed = Self.stored(limits).filter { before[$0.key] != $0.value }.map(\.key)
            #expect(changed.count == 1, "\(limit.name) sets \(changed)")
            for label in changed { #expect(named.updateValue(limit, forKey: label) == nil, "\(label) has two names") }
        }
        #expect(Set(named.keys) == Set(before.keys))
    }

    @Test("every default is within its range", arguments: EdgeLimit.allCases)
    func standard(_ limit: EdgeLimit) {
        #expect(limit.declaration.range.contains(limit.value(in: EdgeLimits())))
        #expect(!limit.declaration.meaning.hasSuffix("."))
    }

    @Test("metrics list every limit from the start, times in seconds, and how often each was reached")
    func metrics() {
        var limits = EdgeLimits()
        limits.lingerTimeout = 500
        let metrics = EdgeMetrics()
        metrics.reached(.urlBytes)
        metrics.reached(.urlBytes)
        metrics.reached(.maxConnections)
        let lines = metrics.text(channels: 0, ringBytes: 0, isReady: true, limits: limits).split(separator: "\n")
        for limit in EdgeLimit.allCases {
            for family in ["limit", "limit_reached_total"] {
                let start = "tidings_edge_\(family){limit=\"\(limit.name)\"} "
                #expect(lines.count { $0.hasPrefix(start) } == 1, "\(start)")
            }
        }
        for line in [
            "tidings_edge_limit{limit=\"max_connections\"} 65536", "tidings_edge_limit{limit=\"header_timeout\"} 10",
            "tidings_edge_limit{limit=\"linger_timeout\"} 0.5",
            "tidings_edge_limit_reached_total{limit=\"url_bytes\"} 2",
            "tidings_edge_limit_reached_total{limit=\"header_bytes\"} 0",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
        #expect(metrics.limitsReached == "max_connections=1 url_bytes=2")
    }
}

@Suite("Connections and the limit of open files")
struct FileLimitTests {
    @Test(
        "files are left for the process itself when all connections are taken",
        arguments: [
            (1_048_576, 0, false), (65_536 + 256 + 64, 0, false), (65_536 + 256 + 63, 0, true),
            (65_536 + 256 + 64, 1, true), (4096, 0, true), (1024, 256, true), (60, 0, true), (4, 0, true),
        ])
    func fit(_ files: Int, _ inherited: Int, _ isLowered: Bool) {
        var limits = EdgeLimits()
        let usual = limits.maxConnections
        let wasLowered = limits.fit(files: files, inherited: inherited)
        #expect(wasLowered == isLowered && limits.maxConnections >= 1 && limits.maxConnections <= usual)
        let kept = min(64, files / 2)
        #expect(limits.maxConnections + limits.spareConnections <= max(2, files - inherited - kept))
        // Few connections in all leave few spare ones.
        if isLowered { #expect(limits.spareConnections <= limits.maxConnections) }
    }
}
