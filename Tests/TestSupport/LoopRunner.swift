public import Events

/// Runs an event loop from a test, until something has happened.
public struct LoopRunner {
    public let loop: EventLoop

    /// Makes a loop of the test's own.
    public init() throws {
        loop = try EventLoop()
    }

    /// Runs the loop until `condition` holds. It is looked at after each turn, every few milliseconds at least.
    ///
    /// - Throws: ``TestSupportError`` when it does not hold after `seconds`, and whatever `condition` throws.
    public func run(
        within seconds: Double = 10, _ expectation: @autoclosure () -> String = "the condition holds",
        file: StaticString = #fileID, line: UInt = #line, until condition: () throws -> Bool
    ) throws {
        let tick = Timer(on: loop) {}
        tick.schedule(every: 2)
        let deadline = Deadline(in: seconds)
        while true {
            // Whether time was up is asked before the look: a condition that holds at the very end counts.
            let over = deadline.isOver
            if try condition() { return }
            guard !over else {
                throw TestSupportError("not within \(seconds) s: \(expectation()) (\(file):\(line))")
            }
            loop.runOnce(wait: true)
        }
    }

    /// Runs the loop for that long: for what must not happen.
    public func run(for seconds: Double) {
        let deadline = Deadline(in: seconds)
        let tick = Timer(on: loop) {}
        tick.schedule(every: 2)
        while !deadline.isOver { loop.runOnce(wait: true) }
    }
}
