import ArgumentParser
import Configuration

/// A time on the command line: a whole number and `ms`, `s`, `m`, `h` or `d`.
struct TimeSpan: ExpressibleByArgument, Sendable {
    let milliseconds: Int64

    init?(argument: String) {
        guard let time = DurationText.milliseconds(argument) else { return nil }
        // Whoever means for ever says so with days: no clock of ours overflows.
        milliseconds = min(time, 36_500 * 86_400_000)
    }

    var duration: Swift.Duration { .milliseconds(milliseconds) }
    var text: String { DurationText.text(milliseconds) }
}
