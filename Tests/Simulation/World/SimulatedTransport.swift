import Events
import Redis

/// The end of a link that a process holds: what a `RedisConnection` or a `RedisSubscriber` takes for its socket.
final class SimulatedTransport: RedisTransport {
    var onReply: (Result<RedisValue, RedisError>?) -> Void = { _ in }
    var onConnected: () -> Void = {}
    var onClosed: (String) -> Void = { _ in }

    private let link: Link
    /// Commands whose reply has not been delivered.
    private var pending = 0
    private var isEnded = false
    private var lastProgress: Int64 = 0

    init(_ link: Link) {
        self.link = link
        link.transport = self
    }

    deinit {
        if !isEnded { link.abandon() }
    }

    func connect(to endpoint: RedisAddress.Endpoint) throws(RedisError) {
        link.state = .connecting
    }

    func send(_ command: RedisCommand) -> Bool {
        guard !isEnded else { return false }
        pending += 1
        link.outbox.append(command)
        return true
    }

    func progress() -> Int64 { lastProgress }

    func detach() {
        onReply = { _ in }
        onConnected = {}
        onClosed = { _ in }
    }

    func close(because reason: String) {
        guard !isEnded else { return }
        link.abandon()
        end(reason)
    }

    // MARK: Called by the link

    func connected() {
        onConnected()
    }

    /// Bytes moved on the link, in either direction.
    func moved() {
        lastProgress = Clock.monotonicNanoseconds()
    }

    func receive(_ value: RedisValue) {
        moved()
        pending = max(0, pending - 1)
        if case .error(let error) = value { onReply(.failure(error)) } else { onReply(.success(value)) }
    }

    /// The connection has ended, or was never made.
    func end(_ reason: String) {
        guard !isEnded else { return }
        isEnded = true
        let count = pending
        pending = 0
        for _ in 0..<count { onReply(nil) }
        onClosed(reason)
    }
}
