import Console
import JSON

/// What `tidings bench check` measures of each pipeline, for each event.
package enum CheckMetric: String, CaseIterable, Sendable {
    /// Processor time of Redis, as a multiple of what an event of the ``Yardstick`` takes in the same run: machines differ
    /// less in that than in microseconds.
    case redis = "redis_to_yardstick"
    case commands
    case bytes = "bytes_kept"
    case keys = "keys_kept"
    case instructions

    package var title: String {
        switch self {
        case .redis: "µs of Redis / yardstick"
        case .commands: "commands"
        case .bytes: "bytes kept"
        case .keys: "keys kept"
        case .instructions: "instructions of workers"
        }
    }

    /// The room for noise of a new file, in percent.
    var usualRoom: Double {
        switch self {
        case .redis: 20
        case .commands, .bytes, .keys, .instructions: 5
        }
    }

    /// A difference that is noise whatever the figure is: where next to nothing stays, a percentage says nothing.
    var slack: Double {
        switch self {
        case .redis: 0
        case .commands, .keys: 0.05
        case .bytes: 40
        case .instructions: 200
        }
    }

    func written(_ value: Double) -> String {
        switch self {
        case .redis, .commands, .keys: BenchTable.number(value, 2)
        case .bytes, .instructions: Text.grouped(Int(value.rounded()))
        }
    }
}

/// Figures of pipelines: those that the repository keeps, or those that were just measured.
package struct FigureBook: Sendable, Equatable {
    /// By the name of what was measured.
    package var figures: [String: [CheckMetric: Double]] = [:]
    /// The room for noise, in percent.
    package var room: [CheckMetric: Double] = [:]
    /// What counted the instructions, and on what kind of processor; figures of another one are not compared.
    package var counter: String?

    package init() {
        for metric in CheckMetric.allCases { room[metric] = metric.usualRoom }
    }

    /// Reads a file that ``text`` wrote.
    ///
    /// - Throws: ``CommandError`` that says what is wrong with it.
    package init(text: String, path: String) throws {
        let object: JSONObject
        do throws(JSONError) {
            object = try JSONParser(maxBytes: 1 << 20).parseObject(Array(text.utf8))
        } catch {
            throw CommandError("\(path) cannot be read: \(error.message)", exitCode: 2)
        }
        self.init()
        counter = object["instructions_by"]?.string
        for (name, value) in object["room_percent"]?.object?.members ?? [] {
            guard let metric = CheckMetric(rawValue: name), let percent = value.double else {
                throw CommandError("\(path): room_percent has no figure '\(name)'", exitCode: 2)
            }
            room[metric] = percent
        }
        for (name, values) in object["figures"]?.object?.members ?? [] {
            for (metric, value) in values.object?.members ?? [] {
                guard let metric = CheckMetric(rawValue: metric), let number = value.double else {
                    throw CommandError("\(path): '\(name)' has no figure '\(metric)'", exitCode: 2)
                }
                figures[name, default: [:]][metric] = number
            }
        }
        guard !figures.isEmpty else { throw CommandError("\(path) has no figures", exitCode: 2) }
    }

    /// The book as JSON, a line for each figure, so that a change of one is a change of one line.
    package var text: String {
        func rounded(_ number: Double) -> JSON { .double((number * 1000).rounded() / 1000) }
        func block(_ values: [CheckMetric: Double], _ indent: String) -> String {
            CheckMetric.allCases.compactMap { metric in
                values[metric].map { "\(indent)\"\(metric.rawValue)\": \(rounded($0).text)" }
            }.joined(separator: ",\n")
        }
        let parts = figures.sorted { $0.key < $1.key }.map { name, values in
            "    \(JSON.string(name).text): {\n\(block(values, "      "))\n    }"
        }
        return """
            {
              "room_percent": {
            \(block(room, "    "))
              },
              "instructions_by": \(counter.map { JSON.string($0).text } ?? "null"),
              "figures": {
            \(parts.joined(separator: ",\n"))
              }
            }

            """
    }
}

/// What was measured, beside what the repository keeps.
package struct CheckReport {
    /// One figure of both.
    package struct Row: Equatable {
        package enum Verdict: Equatable {
            case fine, dearer, cheaper
            /// Only one side has the figure, or another counter counted.
            case notCompared
        }

        package let name: String
        package let metric: CheckMetric
        package let kept: Double?
        package let measured: Double?
        package let verdict: Verdict
    }

    package let rows: [Row]
    private let room: [CheckMetric: Double]

    package init(kept: FigureBook, measured: FigureBook) {
        room = kept.room
        var rows: [Row] = []
        for name in Set(kept.figures.keys).union(measured.figures.keys).sorted() {
            for metric in CheckMetric.allCases {
                let (before, now) = (kept.figures[name]?[metric], measured.figures[name]?[metric])
                if before == nil, now == nil { continue }
                var verdict = Row.Verdict.notCompared
                if let before, let now, metric != .instructions || kept.counter == measured.counter {
                    let room = before * (kept.room[metric] ?? metric.usualRoom) / 100 + metric.slack
                    verdict = now > before + room ? .dearer : now < before - room ? .cheaper : .fine
                }
                rows.append(Row(name: name, metric: metric, kept: before, measured: now, verdict: verdict))
            }
        }
        self.rows = rows
    }

    package var dearer: [Row] { rows.filter { $0.verdict == .dearer } }
    package var cheaper: [Row] { rows.filter { $0.verdict == .cheaper } }

    /// A table of all figures.
    package var text: String {
        var lines = [
            Text.left("for each event", 54) + Text.right("kept", 10) + Text.right("now", 10) + Text.right("change", 9)
                + Text.right("room", 7)
        ]
        for row in rows {
            let change = row.kept.flatMap { kept in row.measured.map { Self.percent(($0 / kept - 1) * 100) } } ?? ""
            let mark =
                switch row.verdict {
                case .fine: ""
                case .dearer: "  DEARER"
                case .cheaper: "  cheaper"
                case .notCompared: "  not compared"
                }
            lines.append(
                Text.left("\(row.name): \(row.metric.title)", 54)
                    + Text.right(row.kept.map(row.metric.written) ?? "-", 10)
                    + Text.right(row.measured.map(row.metric.written) ?? "-", 10) + Text.right(change, 9)
                    + Text.right("\(BenchTable.number(room[row.metric] ?? row.metric.usualRoom, 0)) %", 7) + mark)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func percent(_ number: Double) -> String {
        guard number.isFinite else { return "-" }
        let text = BenchTable.number(number, 0)
        return number > 0 && text != "0" ? "+\(text) %" : "\(text) %"
    }
}
