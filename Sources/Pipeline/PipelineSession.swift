public import Events
public import Logging
public import Redis
public import Store

/// Prepares the pipeline's Redis after each connect, before anything else is sent: loads the functions, compares the
/// configuration and brings the epoch up to date.
///
/// It handles two errors for all users of the connection: when the server does not know the functions, it loads them
/// again; when the server has become a replica, it reconnects, since the address may lead to another server by now.
public final class PipelineSession {
    /// Called each time the session is ready.
    public var onReady: () -> Void = {}
    /// Called each time the connection is lost; the session reconnects by itself.
    public var onLost: () -> Void = {}
    /// Called when this process must not work with that Redis, since its configuration differs. The session goes on
    /// trying, so the caller may wait.
    public var onRefused: (PipelineError) -> Void = { _ in }

    public private(set) var isReady = false
    /// Why the configuration was refused; nil when it was not, or not compared since the last connect.
    public private(set) var refusal: PipelineError?

    public let connection: RedisConnection
    private let layout: PipelineLayout
    private let logger: Logger
    private var backoff = Backoff()
    private var generator: LoopGenerator
    private let loop: EventLoop
    private var lastFailure: RedisError.Code?
    private lazy var retry = Timer(on: loop) { [unowned self] in self.tryAgain() }

    /// Takes the connection's callbacks; the caller starts and stops the connection.
    public init(on loop: EventLoop, connection: RedisConnection, layout: PipelineLayout, logger: Logger) {
        self.loop = loop
        self.connection = connection
        self.layout = layout
        self.logger = logger
        generator = LoopGenerator(of: loop)
        connection.onReady = { [unowned self] in self.greet() }
        connection.onLost = { [unowned self] _ in
            self.retry.cancel()
            self.isReady = false
            self.refusal = nil
            self.onLost()
        }
        connection.onErrorReply = { [unowned self] in self.replied($0) }
    }

    /// Loads the functions again. Call when a server did not know one.
    public func reload() {
        guard isReady else { return }
        isReady = false
        greet()
    }

    /// Checks that the server still has the functions, and loads them where it has older ones: an operator may have
    /// loaded those by hand. Call now and then.
    public func verify() {
        guard isReady else { return }
        FunctionLibrary.tidings.ensureLoaded(on: connection) { _ in }
    }

    private func replied(_ error: RedisError) {
        guard isReady else { return }
        switch error.code {
        case .functionMissing: reload()
        case .readOnly: connection.reconnect(because: error.message)
        default: break
        }
    }

    private func tryAgain() {
        if lastFailure == .readOnly {
            connection.reconnect(because: "looking for a server that takes writes")
        } else {
            greet()
        }
    }

    private func greet() {
        lastFailure = nil
        FunctionLibrary.tidings.ensureLoaded(on: connection) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let error): self.failed(error)
            case .success: self.compare()
            }
        }
    }

    private func compare() {
        connection.call(.hello(layout)) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let error): self.failed(error)
            case .success(.differs(let mismatch)): self.refused(mismatch)
            case .success(.agreed):
                self.backoff.reset()
                self.refusal = nil
                self.isReady = true
                self.onReady()
            }
        }
    }

    private func refused(_ mismatch: PipelineMismatch) {
        let error = PipelineError(.differs, mismatch.description)
        refusal = error
        onRefused(error)
        retry.schedule(after: backoff.next(using: &generator))
    }

    private func failed(_ error: RedisError) {
        guard error.code != .disconnected, error.code != .timeout else { return }
        lastFailure = error.code
        logger.warning("redis is not ready for the pipeline, trying again", metadata: ["error": "\(error.message)"])
        retry.schedule(after: backoff.next(using: &generator))
    }
}
