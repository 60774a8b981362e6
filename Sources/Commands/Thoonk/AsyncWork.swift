import Console
import Events
import Glibc
import Supervision
import Synchronization

/// Runs asynchronous work for a command whose `run` is synchronous: the main thread waits on a loop of its own.
///
/// Other commands start no task and no thread.
enum AsyncWork {
    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }

    /// Runs `body` to its end and returns its value or throws its error.
    ///
    /// - Parameter isCancelledBySignals: true: the first SIGINT or SIGTERM cancels the task, for work that must end in
    ///   order, and a second one ends the process. False: signals have their default effect.
    static func run<Value: Sendable>(
        isCancelledBySignals: Bool = false, _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let loop = try EventLoop()
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CommandError("no file descriptor left; raise the limit of open files") }
        defer { for end in ends { close(end) } }
        let bell = ends[1]
        let done = FileEvent(on: loop, descriptor: ends[0]) { [unowned loop] _ in loop.stop() }
        done.watch(.read)
        defer { done.cancel() }
        let outcome = Outcome<Value>()
        let task = Task.detached {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            outcome.result.withLock { $0 = result }
            var one: UInt8 = 1
            _ = write(bell, &one, 1)
        }
        let exit = isCancelledBySignals ? ExitSignals(on: loop, graceful: { task.cancel() }) : nil
        defer { withExtendedLifetime(exit) {} }
        while true {
            loop.run()
            if let result = outcome.result.withLock({ $0 }) { return try result.get() }
        }
    }
}
