import Edge
import Events
import Foundation
import Logging
import Redis
import Store
import Synchronization
import TestSupport

/// An edge over a real Redis, on a loop and a thread of its own.
final class LiveEdge: Sendable {
    private final class Sink: CommentSink {
        func accept(
            _ body: [UInt8], ndjson: Bool, from writer: CommentWriter, completion: @escaping (CommentVerdict) -> Void
        ) {
            completion(.invalid(reason: "this edge takes no comments"))
        }
    }

    private struct State {
        var port: UInt16?
        var failure: String?
        var isStopped = false
        var holdsHello = false
        var hasEnded = false
    }

    /// The state of the edge's current connection to Redis.
    private final class Progress {
        var hasFunctions = false
        var hasTime = false
        var isGreeting = false
        var isServing = false

        func lose() {
            (hasFunctions, hasTime, isServing) = (false, false, false)
        }
    }

    private let state = Mutex(State())

    /// Starts an edge and waits until it is ready. Loads the function library.
    ///
    /// - Parameters:
    ///   - port: 0 for a free one.
    ///   - greets: update the epoch after each connect, as a pipeline's edge does: then a restart changes the epoch.
    ///     Otherwise the epoch stays what it is, 0 at first, as if no data was ever lost.
    init(
        redis: String, port: UInt16 = 0, greets: Bool = false,
        heartbeat: RedisSubscriber.Heartbeat = RedisSubscriber.heartbeat,
        _ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }
    ) throws {
        Thread.detachNewThread { [self] in
            do { try run(redis, port, greets, heartbeat, configure) } catch {
                state.withLock { $0.failure = "\(error)" }
            }
            state.withLock { $0.hasEnded = true }
        }
        try eventually(within: 15, "the edge is ready") {
            if let failure = state.withLock({ $0.failure }) { throw TestSupportError(failure) }
            guard state.withLock({ $0.port != nil }) else { return false }
            return try HTTPClient(port: self.port).get("/ready").status == 200
        }
    }

    var port: UInt16 { state.withLock { $0.port ?? 0 } }

    /// Makes an edge that greets postpone that, or continue.
    func holdHello(_ isHeld: Bool) {
        state.withLock { $0.holdsHello = isHeld }
    }

    func stop() throws {
        state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the edge ends") { state.withLock { $0.hasEnded } }
    }

    private func run(
        _ url: String, _ port: UInt16, _ greets: Bool, _ heartbeat: RedisSubscriber.Heartbeat,
        _ configure: (inout EdgeOptions) -> Void
    ) throws {
        let loop = try EventLoop()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let address = try RedisAddress(url: url)
        let redis = RedisConnection(on: loop, to: address, name: "edge", logger: logger)
        let subscriber = RedisSubscriber(
            on: loop, to: address, name: "edge-sub", publisher: redis, heartbeat: heartbeat, logger: logger)
        var options = EdgeOptions(address: .tcp(host: "127.0.0.1", port: port), epochKey: "{comments.0}:epoch")
        options.hosts = .any
        configure(&options)
        let sink = Sink()
        let progress = Progress()
        let server = EdgeServer(
            on: loop, options: options, redis: redis, subscriber: subscriber,
            isServing: { progress.isServing && (greets || progress.hasTime) }, sink: sink, logger: logger)
        redis.onLost = { _ in progress.lose() }
        redis.onReady = { [unowned redis] in
            FunctionLibrary.tidings.ensureLoaded(on: redis) { result in
                switch result {
                case .success:
                    progress.hasFunctions = true
                    if !greets { Self.writeTime(redis, server, progress) }
                case .failure(let error): self.state.withLock { $0.failure = error.message }
                }
            }
        }
        redis.onErrorReply = { if $0.code == .outdated { progress.isServing = false } }
        redis.start()
        subscriber.start()
        try server.start()
        let port = server.port
        let ticker = Timer(on: loop) { [self] in
            if state.withLock({ $0.isStopped }) { loop.stop() }
            if !state.withLock({ $0.holdsHello }) { Self.greet(redis, server, progress, renews: greets) }
        }
        ticker.schedule(every: 5)
        state.withLock { $0.port = port }
        loop.run()
        server.stop()
        subscriber.stop()
        redis.stop()
    }

    /// Has the server write down the time, for positions of channels without a feed: a part of a pipeline's hello.
    private static func writeTime(_ redis: RedisConnection, _ server: EdgeServer, _ progress: Progress) {
        redis.send(RedisCommand("FCALL", "tidings_sweep", "0", "0", "1")) { result in
            guard case .success = result else { return }
            progress.hasTime = true
            server.renew()
        }
    }

    private static func greet(
        _ redis: RedisConnection, _ server: EdgeServer, _ progress: Progress, renews: Bool
    ) {
        guard progress.hasFunctions, !progress.isServing, !progress.isGreeting else { return }
        progress.isGreeting = true
        let greeting =
            renews
            ? RedisCommand("FCALL", "tidings_hello", "0", "comments", "1", "1", "publish")
            : RedisCommand("EVAL", keepingEpoch, "1", "{comments.0}:epoch")
        redis.send(greeting) { result in
            progress.isGreeting = false
            guard case .success = result else { return }
            progress.isServing = true
            if renews { server.renew() }
        }
    }

    /// Says that the epoch belongs to the server as it is.
    private static let keepingEpoch = """
        local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
        local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
        redis.call('HSETNX', KEYS[1], 'number', '0')
        redis.call('HSET', KEYS[1], 'run_id', run_id, 'replid', replid)
        return 'OK'
        """
}

/// Waits until a feed that is created now is younger than any earlier one: births are counted in milliseconds.
func awaitNextBirth() throws {
    let now = Clock.unixMilliseconds()
    try eventually("the next millisecond", every: 0.001) { Clock.unixMilliseconds() > now }
}
