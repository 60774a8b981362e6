internal import CEvent
import Glibc
import Synchronization

/// A thread that runs an ``EventLoop`` and is the executor of an actor: the actor's code runs on the loop's thread,
/// between the loop's callbacks, and finds the loop in ``EventLoop/current``.
///
/// An actor that returns this as its `unownedExecutor` may own connections, timers and other objects of the loop: their
/// callbacks and the actor's methods never run at the same time.
///
/// The thread ends after ``stop()``, and retains this object until then. Later jobs still run, in order, on a temporary
/// thread without a loop, so that calls of an actor that outlives its thread return.
public final class LoopThread: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        /// Whether a thread runs jobs; at most one does.
        var isRunning = false
        var isStopping = false
        /// That thread.
        var thread: pthread_t?
    }

    private let name: String
    private let state = Mutex(State())
    /// An eventfd: other threads write to it to wake the loop, which reads it.
    private let wake: Int32

    /// Starts the thread and its loop.
    ///
    /// - Parameter name: the name in `ps` and `top`, which show its first 15 bytes.
    /// - Throws: ``EventsError`` when the system has no descriptors, memory or threads left.
    public init(name: String) throws(EventsError) {
        self.name = name
        wake = tidings_wake_descriptor(0)
        guard wake >= 0 else {
            throw EventsError(code: errno, message: "no descriptor left for a thread; raise the limit of open files")
        }
        // The thread writes 1 here when it has its loop, and 2 when the loop could not be created.
        let started = tidings_wake_descriptor(1)
        guard started >= 0 else {
            throw EventsError(code: errno, message: "no descriptor left for a thread; raise the limit of open files")
        }
        defer { close(started) }
        state.withLock { $0.isRunning = true }
        guard LoopThread.start({ [self] in run(reportingTo: started) }) else {
            throw EventsError(code: EAGAIN, message: "the system has no thread left; raise the limit of processes")
        }
        var outcome: UInt64 = 0
        while read(started, &outcome, 8) < 0, errno == EINTR {}
        guard outcome == 1 else {
            throw EventsError(
                code: EMFILE, message: "the system cannot create an event loop; raise the limit of open files")
        }
    }

    deinit {
        close(wake)
    }

    /// Ends the loop and the thread after the jobs that are queued now. May be called from any thread, and repeatedly.
    public func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp()
    }

    /// Queues a job of the actor. May be called from any thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (isFirst, needsThread) = state.withLock { state in
            state.jobs.append(job)
            let needsThread = !state.isRunning
            if needsThread { state.isRunning = true }
            return (state.jobs.count == 1, needsThread)
        }
        if needsThread {
            // Only this executor can run the job: without it, a task would wait for ever.
            guard LoopThread.start({ [self] in runRest() }) else {
                preconditionFailure("the system has no thread left")
            }
        } else if isFirst {
            wakeUp()
        }
    }

    public func checkIsolated() {
        precondition(isCurrent, "this does not run on the thread of the loop")
    }

    public func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }

    private var isCurrent: Bool {
        state.withLock { state in
            state.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
        }
    }

    private func wakeUp() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    /// The body of the thread. Writes to `started` whether the loop could be created.
    private func run(reportingTo started: Int32) {
        state.withLock { $0.thread = pthread_self() }
        tidings_name_thread(name)
        var outcome: UInt64 = 1
        guard let loop = try? EventLoop() else {
            outcome = 2
            state.withLock { $0.isRunning = false }
            _ = write(started, &outcome, 8)
            return
        }
        let wakeEvent = FileEvent(on: loop, descriptor: wake) { [unowned self, unowned loop] _ in
            var count: UInt64 = 0
            _ = read(self.wake, &count, 8)
            self.runJobs()
            if self.state.withLock({ $0.isStopping }) { loop.stop() }
        }
        wakeEvent.watch(.read)
        _ = write(started, &outcome, 8)
        loop.run()
        wakeEvent.cancel()
        runRest()
    }

    /// Runs the queued jobs. Jobs that these add run in the next turn of the loop, after descriptors and timers.
    private func runJobs() {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// Runs jobs until none is queued. That check and the end of the thread are one step.
    private func runRest() {
        state.withLock { $0.thread = pthread_self() }
        while true {
            let isOver = state.withLock { state in
                guard state.jobs.isEmpty else { return false }
                state.isRunning = false
                state.thread = nil
                return true
            }
            if isOver { return }
            runJobs()
        }
    }

    /// Starts a detached thread. Returns false when the system has none left.
    private static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let box = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let failure = pthread_create(&thread, &attributes, { ThreadBody.run($0) }, box)
        if failure != 0 { Unmanaged<ThreadBody>.fromOpaque(box).release() }
        return failure == 0
    }
}

/// The body of a new thread, passed through the C function that starts it.
final class ThreadBody: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }

    /// The start routine of a thread. Releases the reference that was retained for it.
    static func run(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let pointer else { return nil }
        Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().body()
        return nil
    }
}
