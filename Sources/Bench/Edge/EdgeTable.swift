import Console
package import JSON

/// The figures of one situation, for people.
package struct EdgeTable {
    package let scenario: EdgeScenario
    package let figures: [EdgeFigure]

    package init(scenario: EdgeScenario, figures: [EdgeFigure]) {
        self.scenario = scenario
        self.figures = figures
    }

    package var text: String {
        let rows: [[String]]
        switch scenario.name {
        case .connections:
            rows =
                [["", "connections/s", "without answer"]]
                + figures.map { [$0.server, Text.grouped(Int($0.connections)), Text.grouped($0.refused)] }
        case .memory:
            rows =
                [["", "bytes each", "and in the kernel, both ends"]]
                + figures.map { [$0.server, Text.grouped(Int($0.memory)), Text.grouped(Int($0.kernelMemory))] }
        default:
            rows =
                [
                    [
                        "", "events/s", "an answer", "CPU, µs", "p50 ms", "p99 ms", "worst", "lost", "twice", "behind",
                        "failed",
                    ]
                ]
                + figures.flatMap(readings)
        }
        return scenario.title + "\n" + EdgeTable.aligned(rows)
    }

    /// One line for each group of readers, so that many readers do not hide the latency of a single one.
    private func readings(_ figure: EdgeFigure) -> [[String]] {
        figure.tallies.enumerated().map { number, tally in
            let name = figure.tallies.count > 1 ? ["the many", "the lone"][min(number, 1)] : nil
            let perAnswer = tally.answers > 0 ? Double(tally.events) / Double(tally.answers) : 0
            return [
                figure.server + (name.map { ", \($0)" } ?? ""),
                Text.grouped(Int(figure.seconds > 0 ? Double(tally.events) / figure.seconds : 0)),
                "\(Spread.tenth(perAnswer))",
                number == 0 ? "\(Spread.tenth(figure.perAnswer))" : "",
                "\(EdgeFigure.milliseconds(tally.latency.percentile(50)))",
                "\(EdgeFigure.milliseconds(tally.latency.percentile(99)))",
                "\(EdgeFigure.milliseconds(tally.latency.worst))",
                Text.grouped(tally.lost), Text.grouped(tally.repeated), Text.grouped(tally.behind),
                Text.grouped(tally.failures),
            ]
        }
    }

    private static func aligned(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == 0 ? Text.left(cell, widths[0]) : Text.right(cell, widths[column] + 2)
            }.joined()
        }.joined(separator: "\n") + "\n"
    }
}

/// What one server did in one situation.
package struct EdgeFigure {
    package let server: String
    package let scenario: EdgeScenario.Name
    /// What each crowd saw; empty where nobody reads.
    package var tallies: [ReaderTally] = []
    /// From the first event to the last delivery.
    package var seconds = 0.0
    /// Processor time of the server's processes meanwhile.
    package var processor = 0.0
    /// Processor time of the Redis server that it uses.
    package var besides = 0.0
    /// How late the last event was published, in milliseconds: the publisher's own delay is in the latencies.
    package var publisherLate = 0.0
    /// New connections per second that got a complete answer, and the number that got none.
    package var connections = 0.0
    package var refused = 0
    /// Bytes of memory for each connection: of the server's processes, and of the kernel for both ends.
    package var memory = 0.0
    package var kernelMemory = 0.0

    package var whole: ReaderTally {
        tallies.reduce(into: ReaderTally()) { $0.merge($1) }
    }

    package var delivered: Double { seconds > 0 ? Double(whole.events) / seconds : 0 }

    /// Microseconds of processor time for an answer.
    package var perAnswer: Double { whole.answers > 0 ? processor / Double(whole.answers) * 1e6 : 0 }

    package var json: JSON {
        var object = JSONObject()
        object["server"] = .string(server)
        object["scenario"] = .string(scenario.rawValue)
        switch scenario {
        case .connections:
            object["connections_per_s"] = .double(connections.rounded())
            object["refused"] = .int(Int64(refused))
        case .memory:
            object["bytes_per_poll"] = .double(memory.rounded())
            object["kernel_bytes_per_poll"] = .double(kernelMemory.rounded())
        default:
            let all = whole
            object["events_per_s"] = .double(delivered.rounded())
            object["answers"] = .int(Int64(all.answers))
            object["events"] = .int(Int64(all.events))
            object["cpu_us_per_answer"] = .double(Spread.tenth(perAnswer))
            for (name, value) in [
                ("lost", all.lost), ("repeated", all.repeated), ("behind", all.behind), ("failures", all.failures),
            ] {
                object[name] = .int(Int64(value))
            }
            object["latency_ms"] = .array(tallies.map { EdgeFigure.latency($0.latency) })
            object["publisher_late_ms"] = .double(Spread.tenth(publisherLate))
            object["cpu_s"] = .double(Spread.tenth(processor))
        }
        object["redis_cpu_s"] = .double(Spread.tenth(besides))
        return .object(object)
    }

    private static func latency(_ histogram: LatencyHistogram) -> JSON {
        var object = JSONObject()
        for (name, percent) in [("p50", 50.0), ("p95", 95), ("p99", 99)] {
            object[name] = .double(milliseconds(histogram.percentile(percent)))
        }
        object["worst"] = .double(milliseconds(histogram.worst))
        return .object(object)
    }

    package static func milliseconds(_ microseconds: Int64) -> Double { (Double(microseconds) / 100).rounded() / 10 }
}
