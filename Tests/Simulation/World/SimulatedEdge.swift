import Edge
import Events
import Logging
import Pipeline
import Redis
import Store

/// An edge of the world: the parts of the command `edge` that are not HTTP, put together as there.
final class SimulatedEdge: SimulatedMachine {
    private let loop: EventLoop
    private let layout: PipelineLayout
    private let id: String
    private let connection: RedisConnection
    private let subscriber: RedisSubscriber
    private let session: PipelineSession
    private let heartbeat: Heartbeat
    private let enqueuer: Enqueuer
    private let hub: Hub
    /// Whether clients can connect: when Redis is ready, or after a while without it.
    private var isListening = false
    /// Polls that are held, by the order in which they came.
    private var polls: [Int: Poll] = [:]
    private var lastPoll = 0
    private lazy var startDeadline = Timer(on: loop) { [unowned self] in self.isListening = true }

    private struct Poll {
        let read: LocalRead
        let deadline: Timer
    }

    /// What a poll is answered.
    enum Answer {
        case events(body: [UInt8], next: String)
        case lost
        /// 503, or no connection.
        case none
    }

    /// Time that an edge waits for Redis before it takes connections without it, and how long a poll is held, in
    /// milliseconds.
    private static let redisTimeout: Int64 = 2000
    private static let hold: Int64 = 10_000
    private static let loadTimeout: Int64 = 5000

    init(
        on loop: EventLoop, id: String, layout: PipelineLayout, limits: PipelineLimits, edge: EdgeLimits,
        redis: RedisAddress, logger: Logger
    ) {
        self.loop = loop
        self.id = id
        self.layout = layout
        connection = RedisConnection(on: loop, to: redis, name: "tidings-edge-\(id)", logger: logger)
        subscriber = RedisSubscriber(
            on: loop, to: redis, name: "tidings-edge-\(id)-events", publisher: connection, logger: logger)
        let session = PipelineSession(on: loop, connection: connection, layout: layout, logger: logger)
        self.session = session
        enqueuer = Enqueuer(layout: layout, limits: limits, connection: connection)
        hub = Hub(
            on: loop, limits: edge, redis: connection, subscriber: subscriber, epochKey: layout.epoch,
            isServing: { session.isReady }, pipelineTrouble: { session.trouble },
            onEpoch: { session.noticed(epoch: $0) }, logger: logger)
        heartbeat = Heartbeat(on: loop, id: id, role: "edge", stages: [], layout: layout, connection: connection)
        heartbeat.onFunctionMissing = { session.reload() }
        heartbeat.knownEpoch = { session.highestEpoch }
        heartbeat.onEpoch = { session.noticed(epoch: $0) }
        session.listen(on: subscriber)
        session.onReady = { [unowned self] in
            self.heartbeat.start()
            self.isListening = true
            self.hub.renew()
        }
        startDeadline.schedule(after: SimulatedEdge.redisTimeout)
        connection.start()
        subscriber.start()
    }

    /// What `/ready` says.
    var trouble: String? { isListening ? hub.trouble : "not listening yet" }

    /// Accepts an event as `POST /v1/comments` does.
    ///
    /// - Parameter completion: true: 202; false: 503; nil: no connection.
    func post(_ event: SimulatedEvent, completion: @escaping (Bool?) -> Void) {
        guard isListening else { return completion(nil) }
        guard session.isReady || !connection.isReady else { return completion(false) }
        enqueuer.enqueue([layout.partition(of: event.conversation): [event.bytes]]) { result in
            if case .success = result { completion(true) } else { completion(false) }
        }
    }

    /// Answers a poll of one channel as `GET /v1/channels/CHANNEL` does.
    ///
    /// - Returns: how the client gives up; nil when it was answered at once.
    func poll(
        _ channel: String, from position: String, isLive: Bool, completion: @escaping (Answer) -> Void
    ) -> (() -> Void)? {
        guard isListening, let offset = Offset(position) else {
            completion(.none)
            return nil
        }
        lastPoll += 1
        let number = lastPoll
        let read = LocalRead(from: hub, isLive: isLive) { [weak self] outcome in
            self?.polls[number] = nil
            switch outcome {
            case .events(let batch, _, _): completion(.events(body: batch.body, next: batch.next.text))
            case .noNews(let next): completion(.events(body: Array("[]".utf8), next: next.text))
            case .lost: completion(.lost)
            case .unknown: completion(.none)
            }
        }
        do throws(HTTPError) {
            try read.open(channel, from: offset)
        } catch {
            completion(.none)
            return nil
        }
        read.begin()
        guard read.isPending else { return nil }
        let deadline = Timer(on: loop) { [unowned read] in read.expire() }
        deadline.schedule(after: isLive ? SimulatedEdge.hold : SimulatedEdge.loadTimeout)
        polls[number] = Poll(read: read, deadline: deadline)
        return { [weak self] in
            self?.polls[number]?.read.leave()
            self?.polls[number] = nil
        }
    }

    func quiet() {
        isListening = false
    }

    func stop(completion: @escaping () -> Void) {
        heartbeat.stop()
        isListening = false
        startDeadline.cancel()
        for number in polls.keys.sorted() { polls[number]?.read.expire() }
        connection.call(.leave(pipeline: layout.name, process: id, .left)) { _ in completion() }
    }

    func release() {
        for poll in polls.values { poll.read.leave() }
        polls = [:]
    }
}
