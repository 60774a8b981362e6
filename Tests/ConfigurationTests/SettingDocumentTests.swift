import ArgumentParser
import Edge
import Foundation
import Pipeline
import Testing

@testable import Commands
@testable import Configuration

/// The manual, the sample and the help say of each setting what its declaration says.
struct SettingDocumentTests {
    private static func file(_ path: String) throws -> String {
        try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../\(path)"), encoding: .utf8)
    }

    /// The rows of the first table behind a line, without the one of titles: the cells of each.
    private static func rows(behind line: String) throws -> [[String]] {
        let page = try file("docs/configuration.md")
        let start = try #require(page.firstRange(of: "\n\(line)\n"), "\(line)")
        return page[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
            .drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2)
            .map { row in
                row.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                    .map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    /// A cell without marks of code, quotes and links.
    private static func plain(_ cell: String) -> String {
        cell.replacing(/\[([^\]]*)\]\([^)]*\)/) { $0.1 }.filter { !"`\"'".contains($0) }
    }

    private static func expect(
        _ setting: any SettingDeclaration, isSaidIn row: [String], default value: Int, range: Int
    ) {
        let key = setting.key ?? ""
        #expect(plain(row[value]).hasPrefix(plain(setting.defaultText ?? "")), "\(key): \(row[value])")
        #expect(plain(row[range]).hasPrefix(setting.keyRange), "\(key): \(row[range]), not \(setting.keyRange)")
        #expect(row.last?.isEmpty == false, "\(key)")
    }

    /// The settings of each command that has settings of its own, without the limits of an edge.
    private static var commands: [(name: String, type: any ParsableCommand.Type, settings: [any SettingDeclaration])] {
        let edge: [any SettingDeclaration] =
            [
                Settings.Edge.listen, Settings.Edge.admin, Settings.Edge.dashboard, Settings.Edge.proxies,
                Settings.Edge.proxyProtocol,
            ] + Settings.Access.all
        let supervisor = Settings.Processes.supervisorFlags
        return [
            (
                "up", Up.self,
                edge + supervisor + [
                    Settings.Processes.workersOfUp, Settings.Processes.edgesOfUp, Settings.Processes.redisPort,
                    Settings.Processes.redisMemory, Settings.Processes.demoOfUp,
                ]
            ),
            ("work", Work.self, supervisor + [Settings.Processes.workers]),
            (
                "edge", EdgeCommand.self,
                edge + supervisor + [
                    Settings.Edge.hold, Settings.Edge.drain, Settings.Processes.edges, Settings.Processes.demo,
                ]
            ),
            ("enqueue", Enqueue.self, Settings.Enqueue.flags),
            ("thread close", ThreadCommand.Close.self, Settings.Thread.flags),
            ("status", Status.self, []),
        ]
    }

    @Test("docs/configuration.md has one row for every key outside stages and limits, with its default and its range")
    func keys() throws {
        let rows = try Self.rows(behind: "## tidings.yaml")
        let settings = Settings.all.filter {
            $0.key.map { !$0.hasPrefix("stages.") && !$0.hasPrefix("edge.limits.") } ?? false
        }
        #expect(Set(rows.map { Self.plain($0[0]) }) == Set(settings.compactMap(\.key)))
        for setting in settings {
            let row = try #require(rows.first { Self.plain($0[0]) == setting.key }, "\(setting.key ?? "")")
            Self.expect(setting, isSaidIn: row, default: 1, range: 2)
        }
    }

    @Test("docs/configuration.md has one row for every option of a stage, with its default and its range")
    func stages() throws {
        var stage = ""
        var rows: [String: [String]] = [:]
        for row in try Self.rows(behind: "Stages and their options:") {
            let option = Self.plain(row[1])
            // A stage with a name of the user's own is known by its first option.
            if !row[0].isEmpty { stage = row[0].hasPrefix("`") ? Self.plain(row[0]) : option }
            #expect(rows.updateValue(row, forKey: "stages.\(stage).\(option)") == nil, "\(stage).\(option)")
        }
        let settings = Settings.all.filter { $0.key?.hasPrefix("stages.") ?? false }
        #expect(Set(rows.keys) == Set(settings.compactMap(\.key)))
        for setting in settings {
            guard let row = setting.key.flatMap({ rows[$0] }) else { continue }
            Self.expect(setting, isSaidIn: row, default: 2, range: 3)
        }
    }

    @Test("docs/configuration.md has one row for every limit, with its key, its flag, its default and its range")
    func limits() throws {
        let rows = try Self.rows(behind: "## Limits of the edge")
        #expect(rows.map { $0[1] } == EdgeLimit.allCases.map { "`\($0.name)`" })
        for (limit, row) in zip(EdgeLimit.allCases, rows) {
            let setting = limit.setting
            #expect(row[2] == "`--\(try #require(setting.flag))`")
            #expect(row[3].hasPrefix("`\(setting.form.text(setting.defaultValue))`"), "\(limit.name): \(row[3])")
            #expect(row[4] == setting.range, "\(limit.name)")
            #expect(row.count == 6 && !row[0].isEmpty && !row[5].isEmpty, "\(limit.name)")
        }
    }

    @Test("docs/configuration.md has one row for every variable, with its flag, and names every flag")
    func variablesAndFlags() throws {
        let limits = EdgeLimit.allCases.map(\.name)
        let variables = try Self.rows(behind: "## Environment")
        let flags = try Self.rows(behind: "## Flags").map { Self.plain($0[1]) }.joined(separator: " ")
        for setting in Settings.all where !limits.contains(setting.name) {
            if let variable = setting.variable {
                let rows = variables.filter { $0[0] == "`\(variable)`" }
                #expect(rows.map { $0[1] } == ["`--\(setting.flag ?? "")`"], "\(variable)")
            }
            if let flag = setting.flag, !Settings.Global.flags.contains(where: { $0.flag == flag }) {
                #expect(flags.contains("--\(flag)"), "--\(flag)")
            }
        }
        let page = try Self.file("docs/configuration.md")
        let globals = Settings.Global.flags.compactMap(\.flag).map { "`--\($0)`" }.joined(separator: ", ")
        #expect(page.contains("All commands: \(globals), `--help`, `--version`."))
    }

    @Test("deploy/tidings.yaml names every setting, shows the defaults, and can be used as it is")
    func sample() throws {
        let text = try Self.file("deploy/tidings.yaml")
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " || $0 == "#" || $0 == "-" } }
        let connectors = ["exec", "webhook", "file", "pass"].map { "stages.\($0)." }
        for setting in Settings.all {
            guard let key = setting.key, !connectors.contains(where: key.hasPrefix) else { continue }
            #expect(lines.contains { $0.hasPrefix("\(setting.name):") }, "\(key)")
        }
        // The lines that are no comments say what holds anyway.
        let said = try Configuration(yaml: text, file: "deploy/tidings.yaml")
        let none = try Configuration(yaml: "", file: "tidings.yaml")
        #expect(said.layout == none.layout && said.eventBytes == none.eventBytes)
        for path: KeyPath<Configuration, Int> in [
            \.limits.queueEvents, \.limits.deadLetters, \.limits.heldEvents, \.limits.batchEvents, \.limits.attempts,
            \.limits.deaths, \.limits.unexplainedLosses, \.duplicates.keys,
        ] {
            #expect(said[keyPath: path] == none[keyPath: path], "\(path)")
        }
        for path: KeyPath<Configuration, Int64> in [
            \.limits.lease, \.limits.callTime, \.duplicates.window,
        ] {
            #expect(said[keyPath: path] == none[keyPath: path], "\(path)")
        }
        #expect(said.limits.history == none.limits.history)
        #expect(said.edge.listen == Settings.Edge.listen.defaultValue)
        #expect(said.edge.hold == Settings.Edge.hold.defaultValue)
        #expect(said.edge.publicKinds == none.edge.publicKinds)
        #expect(said.access.origins == Settings.Access.origins.defaultValue)
    }

    @Test("deploy/tidings.yaml shows every limit of an edge with its default")
    func sampleLimits() throws {
        let text = try Self.file("deploy/tidings.yaml")
        let start = try #require(text.firstRange(of: "\n  # limits:\n"))
        let lines = text[start.upperBound...].split(separator: "\n").prefix { $0.hasPrefix("  #   ") }
        let named = lines.filter { !$0.hasPrefix("  #   #") }.map { $0.dropFirst(6) }
        let expected = EdgeLimit.allCases.map { "\($0.name): \($0.setting.defaultText ?? "")" }
        #expect(named.map(String.init) == expected)
        // As it stands there it can be used.
        let yaml = "edge:\n  limits:\n" + named.map { "    \($0)\n" }.joined()
        let settings = try Configuration(yaml: yaml, file: "tidings.yaml")
        #expect(try EdgeLimitFlags.parse([]).limits(settings, environment: { _ in nil }) == EdgeLimits())
    }

    @Test(
        "--help of each command names all its settings with variable, key and default, and no flag that is not declared"
    )
    func help() throws {
        // What a command does, and not how it is set: these are declared with the command.
        let verbs = [
            "--help", "--help-limits", "--version", "--json", "--watch", "--no-demo", "--no-dashboard", "--forum",
        ]
        let pages = Self.commands.map {
            ($0.name, Tidings.helpMessage(for: $0.type, columns: 200), Settings.Global.flags + $0.settings)
        }
        let limits: [any SettingDeclaration] = EdgeLimit.allCases.map(\.setting)
        for (name, text, own) in pages + [("limits", EdgeLimitFlags.Page.helpMessage(columns: 200), limits)] {
            let words = text.split { $0.isWhitespace }.joined(separator: " ")
            let settings = own.filter { $0.flag != nil }
            for setting in settings {
                #expect(words.contains("--\(setting.flag ?? "")"), "\(name): \(setting.flag ?? "")")
                #expect(words.contains(setting.help), "\(name): \(setting.help)")
            }
            let declared = Set(settings.map { "--\($0.flag ?? "")" } + verbs)
            let options = text.split(separator: "\n").filter { $0.hasPrefix("  -") }
            for line in options {
                for word in line.prefix(while: { $0 != "<" }).split(whereSeparator: { " ,/".contains($0) })
                where word.hasPrefix("--") && word.count > 2 {
                    #expect(declared.contains(String(word)), "\(name): \(word)")
                }
            }
            #expect(!options.isEmpty)
        }
    }
}
