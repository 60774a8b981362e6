import Console
import JSON

/// The two figures of one pair of runs, in events per second.
package struct BenchFigure {
    package let shape: String
    package let workers: Double
    package let bare: Double

    package init(shape: String, workers: Double, bare: Double) {
        self.shape = shape
        self.workers = workers
        self.bare = bare
    }

    package static func table(_ figures: [BenchFigure], workers: Int) -> String {
        var lines = [
            Text.left("pipeline", 24) + Text.right("\(workers) workers", 14) + Text.right("bare loop", 14)
                + Text.right("ratio", 9) + "   (events/s)"
        ]
        for figure in figures {
            lines.append(
                Text.left(figure.shape, 24) + Text.right(Text.grouped(Int(figure.workers)), 14)
                    + Text.right(Text.grouped(Int(figure.bare)), 14)
                    + Text.right(hundredths(figure.workers / figure.bare), 9))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    package static func json(_ figures: [BenchFigure]) -> String {
        let rows = figures.map { figure in
            var object = JSONObject()
            object["pipeline"] = .string(figure.shape)
            object["workers_events_per_s"] = .double(figure.workers.rounded())
            object["bare_events_per_s"] = .double(figure.bare.rounded())
            return JSON.object(object)
        }
        return JSON.array(rows).text + "\n"
    }

    private static func hundredths(_ number: Double) -> String {
        "\((number * 100).rounded() / 100)"
    }
}
