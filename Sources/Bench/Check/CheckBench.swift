import Console
import Glibc
package import Logging
import Pipeline

/// Whether an event has become dearer than the figures of the repository say: `tidings bench check`.
package struct CheckBench {
    /// How often each pipeline is measured.
    package let runs: Int
    /// Events in each run of the default pipeline; the three stages take four times as many.
    package let events: Int
    package let countsInstructions: Bool
    package let logger: Logger

    package init(runs: Int, events: Int, countsInstructions: Bool, logger: Logger) {
        self.runs = runs
        self.events = events
        self.countsInstructions = countsInstructions
        self.logger = logger
    }

    private static let workers = 2
    private static let yardstickEvents = 30_000

    private struct Case {
        let shape: BenchShape
        let input: BenchInput
        /// Whether instructions are counted as well, which takes long.
        let hasInstructions: Bool

        var name: String { shape.isStandard ? "\(shape.name), \(input)" : shape.name }

        /// Batches that follow the time of a server would be other ones on another machine, and so would what they cost.
        static let all = [
            Case(shape: .threeStages.with(callTime: 0), input: .worst, hasInstructions: true),
            Case(shape: .standard.with(callTime: 0), input: .worst, hasInstructions: true),
            Case(shape: .standard.with(callTime: 0), input: .life(seed: 1), hasInstructions: false),
        ]
    }

    /// Measures.
    ///
    /// - Parameter remarks: called with what could not be measured, and why.
    package func measure(remarks: (String) -> Void) throws -> FigureBook {
        let subject = try BenchSubject(logger: logger)
        defer { subject.stop() }
        var results: [String: [(cost: RedisCost, yardstick: Double)]] = [:]
        let yardstick = Yardstick(client: try subject.client())
        var before = try yardstick.measure(events: Self.yardstickEvents)
        for turn in 1...runs {
            for part in Case.all {
                Terminal.progress("\(part.name), run \(turn) of \(runs)")
                let run = BenchRun(shape: part.shape, subject: subject, input: part.input, workers: Self.workers)
                let cost = try run.run(events: part.shape.isStandard ? events : events * 4).cost
                let after = try yardstick.measure(events: Self.yardstickEvents)
                results[part.name, default: []].append((cost, (before + after) / 2))
                before = after
            }
        }
        var book = FigureBook()
        for (name, runs) in results {
            func median(_ value: (RedisCost) -> Double) -> Double { Spread(runs.map { value($0.cost) }).median }
            book.figures[name] = [
                .redis: Spread(runs.map { $0.cost.microseconds / $0.yardstick }).median, .commands: median(\.commands),
                .bytes: max(0, median(\.bytes)), .keys: max(0, median(\.keys)),
            ]
        }
        if countsInstructions { try countInstructions(&book, subject, remarks) }
        Terminal.clearProgress()
        return book
    }

    private func countInstructions(
        _ book: inout FigureBook, _ subject: BenchSubject, _ remarks: (String) -> Void
    ) throws {
        let count: InstructionCount
        do {
            count = try InstructionCount(subject: subject)
        } catch let error as CommandError {
            Terminal.clearProgress()
            return remarks(error.description)
        }
        book.counter = "\(count.counter.rawValue), \(Self.machine)"
        for part in Case.all where part.hasInstructions {
            Terminal.progress("\(part.name): instructions, by \(count.counter.rawValue)")
            book.figures[part.name]?[.instructions] = try count.measure(part.shape, input: part.input)
        }
    }

    /// `x86_64`. Source: uname(2).
    private static var machine: String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
