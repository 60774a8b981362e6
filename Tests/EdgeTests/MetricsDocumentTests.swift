import Foundation
import TestSupport
import Testing

@testable import Edge

@Suite("The list of metrics in docs/edge.md")
struct MetricsDocumentTests {
    /// The rows of the table: names with labels, types and descriptions.
    private static var rows: [(name: Substring, kind: Substring, text: Substring)] {
        get throws {
            let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
            let text = try String(contentsOf: root.appendingPathComponent("docs/edge.md"), encoding: .utf8)
            let lines = text.split(separator: "\n")
            let start = try #require(lines.firstIndex(of: "### Metrics"))
            let end = lines[(start + 1)...].firstIndex { $0.hasPrefix("#") } ?? lines.endIndex
            return lines[start..<end].compactMap { line in
                line.firstMatch(of: /^\| `([^`]+)` \| (\w+) \| (\S.*)/).map { ($0.1, $0.2, $0.3) }
            }
        }
    }

    private func metrics() throws -> String {
        let key = try APIKey(name: "blog", key: "a-key-that-nobody-guesses")
        let edge = try EdgeHarness {
            $0.access.apiKeys = [key]
            $0.access.keySet = KeySetSource(.file(""), refresh: 300_000)
        }
        defer { try? edge.stop() }
        return try edge.client().get("/metrics").text
    }

    @Test("it lists exactly the metrics of an edge, with their types")
    func complete() throws {
        let served = try metrics().matches(of: /# TYPE tidings_edge_(\w+) (\w+)\n/).map { "\($0.1) \($0.2)" }
        let written = try Self.rows.map { "\($0.name.prefix { $0 != "{" }) \($0.kind)" }
        #expect(written.sorted() == served.sorted() && served.count > 20)
    }

    @Test("it lists exactly the reasons for which access control refuses")
    func reasons() throws {
        let served = try metrics().matches(of: /requests_refused_total\{reason="(\w+)"\}/).map { String($0.1) }
        let row = try #require(try Self.rows.first { $0.name.hasPrefix("requests_refused_total{") })
        let written = row.text.matches(of: /`(\w+)`/).map { String($0.1) }
        #expect(written.sorted() == served.sorted())
    }
}
