import Events
import Logging
import Pipeline

/// A worker of the world: what the command `work` runs in a process of its own.
final class SimulatedWorker: SimulatedMachine {
    private let worker: Worker
    private let loop: EventLoop
    private var deadline: Timer?

    /// Time in milliseconds that a worker has to give its lanes back, as in the command.
    private static let releaseTimeout: Int64 = 10_000

    init(on loop: EventLoop, options: WorkerOptions, logger: Logger) {
        self.loop = loop
        worker = Worker(on: loop, options: options, logger: logger)
        worker.start()
    }

    var trouble: String? { nil }

    func quiet() {
        worker.quiet()
    }

    func stop(completion: @escaping () -> Void) {
        deadline = Timer(on: loop, action: completion)
        deadline?.schedule(after: SimulatedWorker.releaseTimeout)
        worker.stop(completion: completion)
    }

    func release() {
        deadline = nil
    }
}
