import Glibc

/// Waits until `condition` holds, looking every few milliseconds.
///
/// A look may do work: run a loop once, read a socket. It blocks the calling thread.
///
/// - Parameters:
///   - seconds: how long it may take.
///   - expectation: what is waited for, for the message: "the queue is empty".
///   - interval: the pause between two looks, in seconds.
/// - Throws: ``TestSupportError`` when the time is over, and whatever `condition` throws.
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
        // Whether time was up is asked before the look: a condition that holds at the very end counts.
        let over = deadline.isOver
        if try condition() { return }
        guard !over else {
            throw TestSupportError("not within \(seconds) s: \(expectation()) (\(file):\(line))")
        }
        usleep(UInt32(interval * 1_000_000))
    }
}

/// A moment on the monotonic clock at which something must be done.
public struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    /// The moment `seconds` from now.
    public init(in seconds: Double) {
        instant = .now + .seconds(seconds)
    }

    public var isOver: Bool { remaining <= 0 }

    /// The seconds that are left; never negative.
    public var remaining: Double {
        let left = ContinuousClock.now.duration(to: instant)
        return max(0, left / .seconds(1))
    }

    /// What is left as poll(2) wants it: whole milliseconds, rounded up, at most `limit`.
    func pollTimeout(atMost limit: Double) -> Int32 {
        Int32(min(remaining, limit) * 1000 + 1)
    }
}

/// What kept a test's tool from doing its work: a program that would not start, a server that did not answer in time.
public struct TestSupportError: Error, CustomStringConvertible {
    /// What failed, with what was seen last.
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    /// The error of the system call that has just failed.
    static func system(_ call: String, code: Int32 = errno) -> TestSupportError {
        TestSupportError("\(call): \(String(cString: strerror(code)))")
    }
}
