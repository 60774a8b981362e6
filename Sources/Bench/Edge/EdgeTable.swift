import Console
import Load

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

    /// A line for each crowd: whoever stands alone is not to be hidden by the many.
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
