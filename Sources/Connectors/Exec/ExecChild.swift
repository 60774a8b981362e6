import Events
import Glibc
import Pipeline
import Supervision

/// One run of an `exec` program: a child process with a pipe to it and two from it, on a loop.
///
/// It ends with the thread that started it, with this object, or when ``kill()`` is called. Callbacks are made on the
/// loop's thread. The last one is ``onEnded``, which is called once when the process has been reaped.
final class ExecChild {
    let pid: pid_t
    /// Bytes from its standard output.
    var onOutput: (UnsafeRawBufferPointer) -> Void = { _ in }
    /// Bytes from its standard error.
    var onErrors: (UnsafeRawBufferPointer) -> Void = { _ in }
    /// It has closed its standard input or output. It may still run.
    var onClosed: () -> Void = {}
    /// It has ended; with a description of how.
    var onEnded: (String) -> Void = { _ in }

    private let loop: EventLoop
    private var input: FileEvent?
    private var output: FileEvent?
    private var errors: FileEvent?
    private var exit: FileEvent?
    /// The parent's ends of the pipes. Owned here, closed in `deinit`.
    private let pipes: Subprocess.Pipes
    /// A pidfd, readable when the process has ended; nil where the kernel has none. Owned here.
    private let exitDescriptor: Int32?
    private var pending: [UInt8] = []
    /// How many bytes of `pending` are written.
    private var written = 0
    private var isReaped = false
    private lazy var poll = Timer(on: loop) { [unowned self] in self.reap() }

    /// The most bytes of one read.
    private static let chunk = 65_536

    /// Starts the program.
    ///
    /// - Throws: ``ExecError`` when it cannot be started.
    init(on loop: EventLoop, command: [String]) throws(ExecError) {
        self.loop = loop
        let (pid, pipes): (pid_t, Subprocess.Pipes)
        do {
            (pid, pipes) = try Subprocess.spawnPiped(command, parentDeathSignal: SIGKILL)
        } catch {
            throw ExecError(command: command, code: error.code)
        }
        self.pid = pid
        self.pipes = pipes
        exitDescriptor = Subprocess.exitDescriptor(of: pid)
        watch()
    }

    deinit {
        for event in [input, output, errors, exit] { event?.cancel() }
        for descriptor in [pipes.input, pipes.output, pipes.errors] { close(descriptor) }
        if let exitDescriptor { close(exitDescriptor) }
        guard !isReaped else { return }
        Glibc.kill(-pid, SIGKILL)
        // Reaped within a moment, or else a zombie until this process ends.
        for _ in 0..<50 where waitpid(pid, nil, WNOHANG) == 0 { usleep(1000) }
    }

    /// The number of bytes that were given to the program and that it has not read.
    var unread: Int {
        pending.count - written + Subprocess.unread(in: pipes.input)
    }

    /// Queues bytes for the program; ``flush()`` writes them.
    func write(_ bytes: [UInt8]) {
        pending.append(contentsOf: bytes)
    }

    /// Writes as much as the program's pipe accepts now. The rest is written when the pipe is writable.
    func flush() {
        guard let input else { return }
        while written < pending.count {
            let count = pending.withUnsafeBytes { buffer in
                Glibc.write(pipes.input, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                guard errno != EAGAIN else { break }
                self.input = nil
                input.cancel()
                return onClosed()
            }
            written += count
        }
        if written == pending.count || written > ExecChild.chunk {
            pending.removeFirst(written)
            written = 0
        }
        input.watch(pending.isEmpty ? [] : .write)
    }

    /// Kills the process group. ``onEnded`` is called afterwards.
    func kill() {
        guard !isReaped else { return }
        Glibc.kill(-pid, SIGKILL)
    }

    /// Stops reading its standard output.
    func ignoreOutput() {
        output?.cancel()
        output = nil
    }

    /// Reads the bytes that are available on its standard output.
    func drain() {
        // A pipe holds at most 16 chunks.
        for _ in 0..<16 where output == nil || read(pipes.output, onOutput) <= 0 { break }
    }

    private func watch() {
        input = FileEvent(on: loop, descriptor: pipes.input) { [unowned self] _ in self.flush() }
        output = FileEvent(on: loop, descriptor: pipes.output) { [unowned self] _ in
            if self.read(self.pipes.output, self.onOutput) == 0 {
                self.ignoreOutput()
                self.onClosed()
            }
        }
        errors = FileEvent(on: loop, descriptor: pipes.errors) { [unowned self] _ in
            if self.read(self.pipes.errors, self.onErrors) == 0 { self.errors?.cancel() }
        }
        output?.watch(.read)
        errors?.watch(.read)
        if let exitDescriptor {
            exit = FileEvent(on: loop, descriptor: exitDescriptor) { [unowned self] _ in self.reap() }
            exit?.watch(.read)
        } else {
            poll.schedule(every: 20)
        }
    }

    /// Reads once and passes the bytes to `take`. Returns their number; 0 at the end, negative when no bytes are
    /// available.
    private func read(_ descriptor: Int32, _ take: (UnsafeRawBufferPointer) -> Void) -> Int {
        withUnsafeTemporaryAllocation(byteCount: ExecChild.chunk, alignment: 1) { buffer in
            var count: Int
            repeat {
                count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            } while count < 0 && errno == EINTR
            if count > 0 { take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            // Any error other than EAGAIN ends the stream as well.
            return count < 0 && errno != EAGAIN ? 0 : count
        }
    }

    private func reap() {
        guard !isReaped, let status = Subprocess.status(of: pid) else { return }
        isReaped = true
        exit?.cancel()
        poll.cancel()
        // Output from before its end counts; that of processes that it has left behind does not.
        drain()
        for _ in 0..<16 where read(pipes.errors, onErrors) <= 0 { break }
        for event in [input, output, errors] { event?.cancel() }
        (input, output, errors) = (nil, nil, nil)
        onEnded(Subprocess.describe(status))
    }
}
