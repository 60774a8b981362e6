import Console
import Events
import Glibc
import Logging
import Pipeline
import Supervision

/// A worker as a process of its own: the worker on a loop, and the signals of its supervisor. SIGTERM and SIGHUP end it
/// in order, SIGTSTP has it take no more events.
struct WorkerProcess {
    let options: WorkerOptions
    let logger: Logger

    /// Time in milliseconds that the worker has to give its lanes back; later their leases end by themselves.
    private static let releaseTimeout: Int64 = 10_000

    /// Runs until a signal ends it.
    func run() throws {
        let loop = try EventLoop()
        let worker = Worker(on: loop, options: options, logger: logger)
        worker.onRefused = { logger.critical("\($0.message)") }
        let deadline = Timer(on: loop) {
            logger.error("lanes could not be given back in time; their leases will run out")
            loop.stop()
        }
        let end = {
            deadline.schedule(after: WorkerProcess.releaseTimeout)
            worker.stop { loop.stop() }
        }
        let exit = ExitSignals(on: loop, graceful: end)
        // The supervisor has started a successor, or is about to, which reads the configuration anew.
        let retire = SignalEvent(on: loop, signal: SIGHUP, action: end)
        let quiet = SignalEvent(on: loop, signal: SIGTSTP) {
            logger.notice("taking no more events, on SIGTSTP")
            worker.quiet()
        }
        worker.start()
        loop.run()
        withExtendedLifetime((exit, deadline, retire, quiet)) {}
    }
}
