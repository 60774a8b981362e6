import Console
import Events
import Glibc
import JSON
import Logging
import Pipeline
import Redis
import Store

/// The time from the door of the default pipeline to the announcement in the comment's thread, at a fixed rate.
///
/// The load is open: an event is due at its time whatever became of those before it, and its latency counts from when it
/// was due. A pipeline or a sender that stands still hides nothing (no coordinated omission).
package struct DoorLatency {
    package let subject: BenchSubject
    package let workers: Int
    /// How long events are sent, in seconds.
    package let seconds: Double

    /// How long announcements may take after the last event was due, in nanoseconds.
    private static let patience: Int64 = 20_000_000_000
    private static let shape = BenchShape.standard

    package init(subject: BenchSubject, workers: Int, seconds: Double) {
        self.subject = subject
        self.workers = workers
        self.seconds = seconds
    }

    /// - Parameters:
    ///   - found: the rate that the pipeline reached, in events/s.
    ///   - percents: of that rate.
    package func run(found: Double, percents: [Int], input: BenchInput) throws -> [LatencyFigure] {
        _ = try RedisMeter(emptying: subject.client())
        let client = try subject.client()
        let pool = try subject.workers(workers, yaml: Self.shape.yaml)
        defer { pool.stop() }
        try pool.waitUntilSettled(Self.shape.layout, workers: workers, client: client)
        let ear = AnnouncementEar(of: subject, on: client)
        try ear.waitUntilSubscribed(client)
        var source = input.source()
        return try percents.map { percent in
            let rate = max(1, found * Double(percent) / 100)
            Terminal.progress("latency at \(percent) %: \(Int(rate)) events/s")
            let comments = source.next(max(1, Int(rate * seconds)))
            try send(comments, rate: rate, client, ear, pool)
            return LatencyFigure(percent: percent, rate: rate, sent: comments.count, latency: ear.schedule.latency)
        }
    }

    private func send(
        _ comments: [LoadComment], rate: Double, _ client: BlockingRedis, _ ear: AnnouncementEar, _ pool: BenchPool
    ) throws {
        let layout = Self.shape.layout
        let queues = comments.map { comment in
            layout.queue(LaneID(stage: layout.stages[0], partition: layout.partition(of: comment.thread)))
        }
        ear.schedule = OpenSchedule(
            comments.map(\.eventID), start: Clock.monotonicNanoseconds() + 100_000_000, rate: rate)
        var next = 0
        var refusal: RedisError?
        while true {
            let now = Clock.monotonicNanoseconds()
            let due = ear.schedule.due(at: now)
            var pushes: [String: RedisCommand] = [:]
            for index in next..<max(next, due) {
                pushes[queues[index], default: RedisCommand("RPUSH", queues[index])].append(comments[index].bytes)
            }
            next = max(next, due)
            for push in pushes.values {
                client.connection.send(push) { if case .failure(let error) = $0 { refusal = error } }
            }
            client.loop.runOnce(wait: false)
            if let refusal { throw refusal }
            if next == comments.count {
                if ear.schedule.isComplete || now > ear.schedule.end + Self.patience { return }
                try pool.checkThatItRuns()
            }
            // An event is at most that much late, and its latency says so.
            if pushes.isEmpty { usleep(100) }
        }
    }
}

/// When each event of an open load is due, and how long after that it arrived.
package struct OpenSchedule {
    private let start: Int64
    private let interval: Double
    private let count: Int
    /// The events that have not arrived, by their ids.
    private var waiting: [String: Int] = [:]
    package private(set) var latency = LatencyHistogram()

    /// - Parameters:
    ///   - ids: of the events, in their order.
    ///   - start: when the first one is due, in nanoseconds of the monotonic clock.
    ///   - rate: events/s.
    package init(_ ids: [String], start: Int64, rate: Double) {
        self.start = start
        interval = 1e9 / rate
        count = ids.count
        waiting = Dictionary(ids.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// How many events are due by then.
    package func due(at now: Int64) -> Int {
        now < start ? 0 : min(count, Int(Double(now - start) / interval) + 1)
    }

    /// When the last one is due.
    package var end: Int64 { start + Int64(Double(count - 1) * interval) }

    package var isComplete: Bool { waiting.isEmpty }

    /// An event arrived. Only its first arrival counts; an unknown one does not.
    package mutating func arrived(_ id: String, at now: Int64) {
        guard let index = waiting.removeValue(forKey: id) else { return }
        latency.record(microseconds: (now - start - Int64(Double(index) * interval)) / 1000)
    }
}

/// Listens to the announcements in all threads.
private final class AnnouncementEar: RedisSubscriberHandler {
    var schedule = OpenSchedule([], start: 0, rate: 1)
    private let subscriber: RedisSubscriber
    private let parser = JSONParser(maxBytes: 1 << 20)
    private var isSubscribed = false
    private var failure: String?

    private static let pattern = ChannelFeed(channel: "thread:*", epochKey: "").announcements

    init(of subject: BenchSubject, on client: BlockingRedis) {
        let silent = Logger(label: "tidings-bench") { _ in SwiftLogNoOpLogHandler() }
        subscriber = RedisSubscriber(
            on: client.loop, to: subject.server.address, name: "tidings-bench", publisher: client.connection,
            logger: silent)
        subscriber.subscribe(pattern: Self.pattern, handler: self)
        subscriber.start()
    }

    deinit {
        subscriber.stop()
    }

    func waitUntilSubscribed(_ client: BlockingRedis) throws {
        let deadline = Clock.monotonicMilliseconds() + 10_000
        while !isSubscribed {
            guard Clock.monotonicMilliseconds() < deadline else {
                throw CommandError("the benchmark's redis-server did not confirm a subscription within 10 s")
            }
            client.pause(milliseconds: 5)
        }
    }

    func subscriptionConfirmed(_ channel: String) { isSubscribed = true }
    func subscriptionLost(_ channel: String) { isSubscribed = false }

    func subscriptionMessage(_ channel: String, _ payload: [UInt8]) {
        let now = Clock.monotonicNanoseconds()
        guard let event = ChannelFeed.parse(announcement: payload)?.event,
            let id = (try? parser.parseObject(Array(event)))?["event_id"]?.string
        else { return }
        schedule.arrived(id, at: now)
    }
}
