public import Events
public import Logging
public import Redis
public import Store

/// Prepares the pipeline's Redis after each connect, before anything else is sent: loads the functions, compares the
/// configuration and brings the epoch up to date. It does so again on a connection that was never cut, when it hears of
/// another epoch (``noticed(epoch:)``).
///
/// It handles errors for all users of the connection: when the server does not know the functions, it loads them again;
/// when the server has become a replica, it reconnects, since the address may lead to another server by now; when a
/// function says that shape or epoch have changed, it greets again.
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
    /// The epoch that offsets carry, as the last greeting was answered; 0: not known.
    public private(set) var epoch: Int64 = 0
    /// The highest epoch that was seen anywhere: a new one is higher.
    public private(set) var highestEpoch: Int64 = 0

    public let connection: RedisConnection
    private let layout: PipelineLayout
    private let logger: Logger
    private var backoff = Backoff()
    private var generator: LoopGenerator
    private let loop: EventLoop
    private var lastFailure: RedisError?
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

    /// Why the session is not ready, as a sentence; nil when it is, and when that is only a matter of the connection.
    public var trouble: String? {
        if isReady { return nil }
        return refusal?.message ?? lastFailure.map { "Redis is not ready for the pipeline: \($0.message)" }
    }

    /// Call with each epoch that is seen: in the answer to a heartbeat, with a channel's history. When it is another one
    /// than the last greeting was answered, the data may have gone back in time: the session is not ready until it has
    /// greeted again.
    public func noticed(epoch seen: Int64) {
        highestEpoch = max(highestEpoch, seen)
        compare(with: seen)
    }

    private func compare(with seen: Int64) {
        if isReady, epoch != 0, seen != epoch { reload() }
    }

    /// Subscribes to the announcements of new epochs. They precede what is published in the new epoch, on the same
    /// connection.
    public func listen(on subscriber: RedisSubscriber) {
        subscriber.subscribe(layout.control, handler: ControlListener { [weak self] in self?.heard($0) })
    }

    /// Call with each message of `NAME:control`.
    func heard(_ message: [UInt8]) {
        let words = String(decoding: message, as: UTF8.self).split(separator: " ")
        guard words.count == 2, words[0] == "epoch", let epoch = Int64(words[1]) else { return }
        // Pub/sub is not separated by database: it may be the epoch of another pipeline with this name. So the greeting is
        // asked which one is ours, and nothing is told of this one.
        compare(with: epoch)
    }

    /// Loads the functions again, and greets. Call when a server did not know one.
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
        case .functionMissing, .outdated: reload()
        case .readOnly: connection.reconnect(because: error.message)
        default: break
        }
    }

    private func tryAgain() {
        if lastFailure?.code == .readOnly {
            connection.reconnect(because: "looking for a server that takes writes")
        } else {
            greet()
        }
    }

    private func greet() {
        FunctionLibrary.tidings.ensureLoaded(on: connection) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let error): self.failed(error)
            case .success: self.compare()
            }
        }
    }

    private func compare() {
        connection.call(.hello(layout, epoch: highestEpoch)) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let error): self.failed(error)
            case .success(.differs(let mismatch)): self.refused(mismatch)
            case .success(.agreed(let epoch)):
                self.backoff.reset()
                self.refusal = nil
                self.lastFailure = nil
                self.epoch = epoch
                self.highestEpoch = max(self.highestEpoch, epoch)
                self.isReady = true
                self.onReady()
            }
        }
    }

    private func refused(_ mismatch: PipelineMismatch) {
        let error = PipelineError(.differs, mismatch.description)
        refusal = error
        lastFailure = nil
        onRefused(error)
        retry.schedule(after: backoff.next(using: &generator))
    }

    private func failed(_ error: RedisError) {
        guard !error.isUnanswered else { return }
        lastFailure = error
        logger.warning("redis is not ready for the pipeline, trying again", metadata: ["error": "\(error.message)"])
        retry.schedule(after: backoff.next(using: &generator))
    }
}

/// Listens on the pipeline's control channel: a process came, went, or freed a lane, or the epoch was renewed. Messages
/// that were sent while the subscription was down are lost, so its return counts as a message, an empty one.
final class ControlListener: RedisSubscriberHandler {
    private let heard: ([UInt8]) -> Void

    init(heard: @escaping ([UInt8]) -> Void) {
        self.heard = heard
    }

    func subscriptionConfirmed(_ channel: String) {
        heard([])
    }

    func subscriptionLost(_ channel: String) {}

    func subscriptionMessage(_ channel: String, _ payload: [UInt8]) {
        heard(payload)
    }
}
