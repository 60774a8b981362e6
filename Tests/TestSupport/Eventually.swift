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
