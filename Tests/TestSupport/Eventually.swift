import Glibc

/// Waits until `condition` holds, and evaluates it every few milliseconds. Blocks the calling thread.
///
/// The condition may have side effects, such as running a loop once or reading from a socket.
///
/// - Parameters:
///   - seconds: the timeout.
///   - expectation: the condition in words, for the error: "the queue is empty".
///   - interval: the pause between two evaluations, in seconds.
/// - Throws: ``TestSupportError`` after the timeout, and the errors of `condition`.
public func eventually(
    within seconds: Double = 10,
    _ expectation: @autoclosure () -> String = "the condition holds",
    every interval: Double = 0.005,
    file: StaticString = #fileID,
    line: UInt = #line,
    condition: () throws -> Bool
) throws {
    let deadline = Deadline(in: seconds)
    while true {
        // Read before the condition: one that holds at the very end counts.
        let over = deadline.isOver
        if try condition() { return }
        guard !over else {
            throw TestSupportError("not within \(seconds) s: \(expectation()) (\(file):\(line))")
        }
        usleep(UInt32(interval * 1_000_000))
    }
}

/// A point in time of the monotonic clock.
public struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    /// The time `seconds` from now.
    public init(in seconds: Double) {
        instant = .now + .seconds(seconds)
    }

    public var isOver: Bool { remaining <= 0 }

    /// The seconds left; never negative.
    public var remaining: Double {
        let left = ContinuousClock.now.duration(to: instant)
        return max(0, left / .seconds(1))
    }

    /// The time left for poll(2): whole milliseconds, rounded up, at most `limit` seconds.
    func pollTimeout(atMost limit: Double) -> Int32 {
        Int32(min(remaining, limit) * 1000 + 1)
    }
}

/// Why a tool of the tests failed: a program did not start, a server did not respond in time.
public struct TestSupportError: Error, CustomStringConvertible {
    /// What failed, with the last observation.
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    /// The error of a system call that has failed.
    static func system(_ call: String, code: Int32 = errno) -> TestSupportError {
        TestSupportError("\(call): \(String(cString: strerror(code)))")
    }
}
