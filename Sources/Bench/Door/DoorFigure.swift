import Console
package import JSON

/// A way of events into the pipeline.
package enum Door: String, CaseIterable {
    case bare, file, pipe, post, push, lane

    /// As tables show it.
    var title: String {
        switch self {
        case .bare: "bare pipelined RPUSH"
        case .file: "tidings enqueue FILE"
        case .pipe: "tidings enqueue -, from a pipe"
        case .post: "POST of NDJSON"
        case .push: "RPUSH to NAME:incoming"
        case .lane: "the same, until in the partitions"
        }
    }
}

/// What was measured at one door in one situation: events per second, one figure a run.
package struct DoorFigure {
    package let door: Door
    package var rates: [Double] = []

    var spread: Spread { Spread(rates) }

    private static func group(_ figures: [DoorFigure], _ bare: DoorFigure?) -> [(DoorFigure, ratio: Double)] {
        figures.filter { !$0.rates.isEmpty }.map { figure in
            (figure, figure.spread.median / max(1, bare?.spread.median ?? 0))
        }
    }

    /// A table, with the ratio of medians to that of the bare loop.
    package static func table(_ figures: [DoorFigure], title: String) -> String {
        var lines = [
            Text.left(title, 36) + Text.right("events/s", 12) + Text.right("lowest", 12) + Text.right("highest", 12)
                + Text.right("of bare", 10)
        ]
        for (figure, ratio) in group(figures, figures.first { $0.door == .bare }) {
            let spread = figure.spread
            let numbers = [spread.median, spread.percentile(0), spread.worst].map { Text.grouped(Int($0)) }
            lines.append(
                Text.left(figure.door.title, 36) + numbers.map { Text.right($0, 12) }.joined()
                    + Text.right("\((ratio * 100).rounded() / 100)", 10))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    package static func json(_ figures: [DoorFigure], situation: String) -> [JSON] {
        group(figures, figures.first { $0.door == .bare }).map { figure, ratio in
            var object = JSONObject()
            object["situation"] = .string(situation)
            object["door"] = .string(figure.door.rawValue)
            object["events_per_s"] = .array(figure.rates.map { .double($0.rounded()) })
            object["of_bare"] = .double((ratio * 1000).rounded() / 1000)
            return .object(object)
        }
    }
}
