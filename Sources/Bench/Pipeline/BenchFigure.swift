import Console
package import JSON

/// One row of figures: what was measured of a pipeline in one turn.
package struct BenchFigure {
    package let shape: String
    package let input: BenchInput
    package let workers: BenchResult
    /// Nil where the bare loop took no part.
    package let bare: BenchResult?
    /// Of the other program, where one was named.
    package let beside: BenchResult?

    package init(
        shape: String, input: BenchInput, workers: BenchResult, bare: BenchResult?, beside: BenchResult? = nil
    ) {
        self.shape = shape
        self.input = input
        self.workers = workers
        self.bare = bare
        self.beside = beside
    }

    package var json: JSON {
        var object = JSONObject()
        object["pipeline"] = .string(shape)
        object["input"] = .string(input.description)
        for (name, result) in [("workers", workers), ("bare", bare), ("beside", beside)] {
            guard let result else { continue }
            object["\(name)_events_per_s"] = .double(result.eventsPerSecond.rounded())
        }
        for (name, result) in [("workers", workers), ("bare", bare), ("beside", beside)] {
            if let result { object["\(name)_redis"] = result.cost.json }
        }
        return .object(object)
    }
}

/// The tables of `tidings bench pipeline`.
package struct BenchTable {
    private let figures: [BenchFigure]
    private let workers: String

    package init(_ figures: [BenchFigure], workers: Int) {
        self.figures = figures
        self.workers = workers == 1 ? "1 worker" : "\(workers) workers"
    }

    /// The input, rates, what each event costs Redis, and, where another program took part, how this one compares with it.
    package var text: String {
        let input = figures.first.map { "input: \($0.input)\n" } ?? ""
        let parts = [input + rates, costs] + (figures.contains { $0.beside != nil } ? [comparison] : [])
        return parts.joined(separator: "\n")
    }

    private var rates: String {
        let isBeside = figures.contains { $0.beside != nil }
        var lines = [
            Text.left("pipeline", 24) + Text.right(workers, 14) + (isBeside ? Text.right("beside", 14) : "")
                + Text.right("bare loop", 14) + Text.right("ratio", 9) + "   (events/s; to the bare loop)"
        ]
        for figure in figures {
            func rate(_ result: BenchResult?) -> String {
                Text.right(result.map { Text.grouped(Int($0.eventsPerSecond)) } ?? "", 14)
            }
            let ratio = figure.bare.map { Self.number(figure.workers.eventsPerSecond / $0.eventsPerSecond, 2) }
            lines.append(
                Text.left(figure.shape, 24) + rate(figure.workers) + (isBeside ? rate(figure.beside) : "")
                    + rate(figure.bare) + Text.right(ratio ?? "", 9))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var costs: String {
        var lines = [
            Text.left("Redis, for each event", 36) + Text.right("µs", 9) + Text.right("commands", 10)
                + Text.right("bytes kept", 12) + Text.right("keys kept", 11) + Text.right("longest call", 18)
                + Text.right("over 5 ms", 11)
        ]
        for figure in figures {
            for (name, result) in [(workers, figure.workers), ("beside", figure.beside), ("bare loop", figure.bare)] {
                guard let cost = result?.cost else { continue }
                let longest = "\(cost.longest.command) \(Self.number(cost.longest.microseconds / 1000, 1)) ms"
                lines.append(
                    Text.left("\(figure.shape), \(name)", 36) + Text.right(Self.number(cost.microseconds, 2), 9)
                        + Text.right(Self.number(cost.commands, 2), 10)
                        + Text.right(Text.grouped(Int(cost.bytes.rounded())), 12)
                        + Text.right(Self.number(cost.keys, 2), 11) + Text.right(longest, 18)
                        + Text.right(String(cost.slowCalls), 11))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var comparison: String {
        var lines = [
            Text.left("this program / beside", 24) + Text.right("events/s", 14) + Text.right("µs of Redis", 14)
                + Text.right("bytes kept", 14) + "   (medians of the pairs)"
        ]
        var names: [String] = []
        for figure in figures where figure.beside != nil && !names.contains(figure.shape) { names.append(figure.shape) }
        for name in names {
            func median(_ value: (BenchResult) -> Double) -> String {
                let ratios = figures.filter { $0.shape == name }.compactMap { figure in
                    figure.beside.map { value(figure.workers) / value($0) }
                }
                return Text.right(Self.number(Spread(ratios).median, 2), 14)
            }
            // Where nothing stays, what is left is noise.
            let keeps = figures.contains { $0.shape == name && ($0.beside?.cost.bytes ?? 0) > 50 }
            lines.append(
                Text.left(name, 24) + median(\.eventsPerSecond) + median(\.cost.microseconds)
                    + (keeps ? median(\.cost.bytes) : Text.right("-", 14)))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A number with so many digits after the point.
    static func number(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return "-" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let whole = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(whole) }
        let rest = String(whole % scale)
        return "\(sign)\(whole / scale).\(String(repeating: "0", count: digits - rest.count))\(rest)"
    }
}

extension BenchTable {
    /// What takes Redis' time, for each event: the functions, as far as their calls were logged, commits by stage; then the
    /// commands, those inside functions included. The dearest first.
    package var commands: String {
        var lines: [String] = []
        var names: [String] = []
        for figure in figures where !names.contains(figure.shape) {
            names.append(figure.shape)
            for (name, result) in [(workers, figure.workers), ("beside", figure.beside)] {
                guard let cost = result?.cost else { continue }
                lines.append(
                    Text.left("\(figure.shape), \(name)", 36) + Text.right("calls", 10) + Text.right("µs", 10)
                        + "   (time that passed, for each event)")
                for call in cost.calls.prefix(12) where call.name.hasPrefix("tidings_") {
                    lines.append(
                        Text.left("  " + call.name, 36) + Text.right(Self.number(call.calls, 3), 10)
                            + Text.right(Self.number(call.microseconds, 2), 10)
                            + "   longest \(Self.number(Double(call.longest) / 1000, 1)) ms")
                }
                for command in cost.byCommand.prefix(16) where !command.name.hasPrefix("fcall") {
                    lines.append(
                        Text.left("    " + command.name, 36) + Text.right(Self.number(command.calls, 3), 10)
                            + Text.right(Self.number(command.microseconds, 2), 10))
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
