internal import CEvent
import Glibc
import Synchronization

/// A thread of its own that runs an ``EventLoop``, as the executor of an actor: the actor's code runs on the loop's
/// thread, between the loop's callbacks, and finds the loop in ``EventLoop/current``.
///
/// An actor that gives this as its `unownedExecutor` may own connections, timers and whatever else belongs to one loop:
/// their callbacks and its own methods never run at the same time.
///
/// The thread ends after ``stop()``, and keeps this object alive until then. Jobs that arrive later are still run, one
/// after the other, on a thread that ends with them and has no loop: an actor that outlives its thread answers.
public final class LoopThread: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        /// Whether a thread is there to run jobs. At most one is.
        var isRunning = false
        var isStopping = false
        /// Which one that is.
        var thread: pthread_t?
    }

    private let name: String
    private let state = Mutex(State())
    /// Written to by whoever has something for the thread; read by the loop.
    private let wake: Int32

    /// Starts the thread and its loop.
    ///
    /// - Parameter name: shown by `ps` and `top`; at most 15 bytes of it.
    /// - Throws: ``EventsError`` when the system has no descriptor, memory or thread left to give.
    public init(name: String) throws(EventsError) {
        self.name = name
        wake = tidings_wake_descriptor(0)
        guard wake >= 0 else {
            throw EventsError(code: errno, message: "no descriptor for a thread; raise the limit of open files")
        }
        // The thread tells here whether it has got its loop: 1, or 2 when there was none to get.
        let started = tidings_wake_descriptor(1)
        guard started >= 0 else {
            throw EventsError(code: errno, message: "no descriptor for a thread; raise the limit of open files")
        }
        defer { close(started) }
        state.withLock { $0.isRunning = true }
        guard LoopThread.start({ [self] in run(reportingTo: started) }) else {
            throw EventsError(code: EAGAIN, message: "the system gave no thread; raise the limit of processes")
        }
        var outcome: UInt64 = 0
        while read(started, &outcome, 8) < 0, errno == EINTR {}
        guard outcome == 1 else {
            throw EventsError(code: EMFILE, message: "the system gave no event base; raise the limit of open files")
        }
    }

    deinit {
        close(wake)
    }

    /// Ends the loop and the thread after the jobs that wait now. Harmless when done twice. From any thread.
    public func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp()
    }

    /// Runs a job of the actor, in its turn. From any thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (isFirst, needsThread) = state.withLock { state in
            state.jobs.append(job)
            let needsThread = !state.isRunning
            if needsThread { state.isRunning = true }
            return (state.jobs.count == 1, needsThread)
        }
        if needsThread {
            // Nobody else can run it: a job that is lost leaves a task waiting for ever.
            guard LoopThread.start({ [self] in runRest() }) else { preconditionFailure("the system gave no thread") }
        } else if isFirst {
            wakeUp()
        }
    }

    public func checkIsolated() {
        precondition(isCurrent, "this runs on another thread than that of the loop")
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

    /// The thread's body.
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

    /// Runs what waits. Jobs that are added meanwhile ring again: descriptors and timers get their turn in between.
    private func runJobs() {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// Runs jobs until there is none, and gives the thread up in the same moment.
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

    /// Starts a detached thread; false when the system has none.
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

/// What a new thread is to do, on its way through C.
final class ThreadBody: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }

    /// The start routine of a thread: takes over the reference that was made for it.
    static func run(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let pointer else { return nil }
        Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().body()
        return nil
    }
}
