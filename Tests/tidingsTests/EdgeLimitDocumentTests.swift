import ArgumentParser
import Edge
import Foundation
import TestSupport
import Testing

@testable import Commands
@testable import Configuration

/// What the manual says about the limits of an edge is what the program does.
struct EdgeLimitDocumentTests {
    private static func file(_ path: String) throws -> String {
        try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../\(path)"), encoding: .utf8)
    }

    /// The rows of the table under a heading, without the one of titles: the cells of each.
    private static func rows(of page: String, under heading: String) throws -> [[String]] {
        let start = try #require(page.firstRange(of: "\n\(heading)\n"), "\(heading)")
        return page[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
            .drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2)
            .map { row in
                row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    @Test("docs/configuration.md has one row for every limit, with its key, its flag, its default and its range")
    func manual() throws {
        let rows = try Self.rows(of: Self.file("docs/configuration.md"), under: "## Limits of the edge")
        #expect(rows.map { $0[1] } == EdgeLimit.allCases.map { "`\($0.name)`" })
        for (limit, row) in zip(EdgeLimit.allCases, rows) {
            #expect(row[2] == "`--\(limit.flag)`")
            #expect(row[3].hasPrefix("`\(limit.text(limit.standard))`"), "\(limit.name): \(row[3])")
            #expect(row[4] == limit.ends, "\(limit.name)")
            #expect(row.count == 6 && !row[0].isEmpty && !row[5].isEmpty, "\(limit.name)")
        }
    }

    @Test("deploy/tidings.yaml shows every limit of an edge with its default")
    func sample() throws {
        let text = try Self.file("deploy/tidings.yaml")
        let start = try #require(text.firstRange(of: "\n  # limits:\n"))
        let lines = text[start.upperBound...].split(separator: "\n").prefix { $0.hasPrefix("  #   ") }
        let named = lines.filter { !$0.hasPrefix("  #   #") }.map { $0.dropFirst(6) }
        let expected = EdgeLimit.allCases.map { "\($0.name): \($0.text($0.standard))" }
        #expect(named.map(String.init) == expected)
        // As it stands there it can be used.
        let yaml = "edge:\n  limits:\n" + named.map { "    \($0)\n" }.joined()
        let settings = try Configuration(yaml: yaml, file: "tidings.yaml")
        #expect(try EdgeLimitOptions.parse([]).limits(settings, environment: { _ in nil }) == EdgeLimits())
        _ = try Configuration(yaml: text, file: "deploy/tidings.yaml")
    }

    @Test("tidings edge --help and tidings up --help name every limit with its variable, its key and its default")
    func help() throws {
        for command in ["edge", "up"] {
            let text = try TidingsBinary.run([command, "--help"], environment: ["COLUMNS": "200"]).output
            let words = text.split { $0.isWhitespace }.joined(separator: " ")
            for limit in EdgeLimit.allCases {
                let expected =
                    "\(limit.declaration.meaning). (env \(limit.variable), key edge.limits.\(limit.name); default "
                    + "\(limit.text(limit.standard)))"
                #expect(words.contains("--\(limit.flag) <") && words.contains(expected), "\(command): \(limit.name)")
            }
        }
    }
}
