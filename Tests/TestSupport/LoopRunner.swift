public import Events

/// Runs an event loop in a test until a condition holds.
public struct LoopRunner {
    public let loop: EventLoop

    /// Creates a loop.
    public init() throws {
        loop = try EventLoop()
    }

    /// Runs the loop until `condition` holds. It is evaluated after each turn, at least every few milliseconds.
    ///
    /// - Throws: ``TestSupportError`` when it does not hold after `seconds`, and the errors of `condition`.
    public func run(
        within seconds: Double = 10, _ expectation: @autoclosure () -> String = "the condition holds",
        file: StaticString = #fileID, line: UInt = #line, until condition: () throws -> Bool
    ) throws {
        let tick = Timer(on: loop) {}
        tick.schedule(every: 2)
        let deadline = Deadline(in: seconds)
        while true {
            // Read before the condition: one that holds at the very end counts.
            let over = deadline.isOver
            if try condition() { return }
            guard !over else {
                throw TestSupportError("not within \(seconds) s: \(expectation()) (\(file):\(line))")
            }
            loop.runOnce(wait: true)
        }
    }

    /// Runs the loop for a fixed time: for tests that something does not happen.
    public func run(for seconds: Double) {
        let deadline = Deadline(in: seconds)
        let tick = Timer(on: loop) {}
        tick.schedule(every: 2)
        while !deadline.isOver { loop.runOnce(wait: true) }
    }
}
