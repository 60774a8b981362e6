import Console
import Events
import Glibc
package import Logging
import Pipeline
import Redis
import Store
import Supervision

/// How fast events come in at each door: `tidings bench door`.
package struct DoorBench {
    /// What the pipeline does meanwhile.
    package enum Situation: String, CaseIterable {
        /// Nothing: there are no workers.
        case idle
        /// Workers publish a backlog, and keep Redis busy.
        case busy
    }

    /// Events of a run, and of the backlog; a tenth comes in when the pipeline is busy.
    package let events: Int
    package let runs: Int
    /// Worker processes, when the pipeline is busy.
    package let workers: Int
    package let logger: Logger

    /// Comments of about 400 bytes, as `bench pipeline` has them, in a pipeline that has no limit on its queues.
    private static let shape = BenchShape.standard
    private static let yaml = shape.yaml + "\nqueue_limit: 0\n"
    /// Comments in one request, and requests under way.
    private static let posted = (comments: 500, connections: 4)

    package init(events: Int, runs: Int, workers: Int, logger: Logger) {
        self.events = events
        self.runs = runs
        self.workers = workers
        self.logger = logger
    }

    /// Measures all doors in turn.
    ///
    /// - Parameter doors: ``Door/lane`` is measured with ``Door/push``.
    package func run(_ situation: Situation, doors: [Door]) throws -> [DoorFigure] {
        let subject = try BenchSubject(logger: logger)
        defer { subject.stop() }
        var source = WorstComments()
        // The backlog has the first ones.
        _ = source.next(events)
        let all = source.next(situation == .idle ? events : events / 10).map(\.bytes)
        try subject.folder.write(all.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined(), to: "events.ndjson")
        var figures = Door.allCases.map { DoorFigure(door: $0) }
        for turn in 1...runs {
            for (index, door) in Door.allCases.enumerated() where doors.contains(door) && door != .lane {
                Terminal.progress("\(situation.rawValue), run \(turn) of \(runs): \(door.title)")
                let client = try subject.client()
                let pool = try begin(situation, client, subject)
                defer { pool?.stop() }
                let seconds = try pass(all, door, client, subject, isServed: pool != nil)
                figures[index].rates.append(Double(all.count) / seconds.taken)
                if let moved = seconds.moved { figures[index + 1].rates.append(Double(all.count) / moved) }
            }
        }
        return figures
    }

    /// An empty pipeline; a busy one has a backlog, and publishes it.
    private func begin(
        _ situation: Situation, _ client: BlockingRedis, _ subject: BenchSubject
    ) throws -> BenchPool? {
        _ = try client.call("FLUSHALL")
        try client.greet(Self.shape.layout)
        try subject.folder.write(Self.yaml, to: "tidings.yaml")
        guard situation == .busy else { return nil }
        var source = WorstComments()
        try BenchRun.fill(client, Self.shape.layout, source.next(events, for: Self.shape.layout))
        let pool = try subject.workers(workers, yaml: Self.yaml)
        try wait("the workers publish", client) {
            try (0..<BenchShape.partitions).allSatisfy { try out(LaneID(stage: "publish", partition: $0), client) > 0 }
        }
        return pool
    }

    /// How long a door takes for all events, in seconds; and until they have left `NAME:incoming`, where they go there.
    private func pass(
        _ all: [[UInt8]], _ door: Door, _ client: BlockingRedis, _ subject: BenchSubject, isServed: Bool
    ) throws -> (taken: Double, moved: Double?) {
        switch door {
        case .bare:
            let loop = try PushLoop(all, into: "bare", at: subject.server.address)
            return (try Self.seconds { try loop.run() }, nil)
        case .file, .pipe: return (try enqueue(door == .pipe, subject), nil)
        case .post: return (try post(all, subject), nil)
        case .push, .lane: return try push(all, client, subject, isServed: isServed)
        }
    }

    /// The real program, with the time that it needs to start.
    private func enqueue(_ isPiped: Bool, _ subject: BenchSubject) throws -> Double {
        let file = subject.folder.path + "/events.ndjson"
        let words = [
            subject.program, "enqueue", isPiped ? "-" : file, "--redis", subject.server.address.url, "--config",
            subject.folder.path + "/tidings.yaml",
        ]
        let script = isPiped ? #"file=$1; shift; cat "$file" | "$@" >/dev/null"# : #"shift; exec "$@" >/dev/null"#
        return try Self.seconds {
            let pid = try BenchChild.spawn(["sh", "-c", script, "sh", file] + words)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            guard status == 0 else { throw CommandError("tidings enqueue failed: \(Subprocess.describe(status))") }
        }
    }

    private func post(_ all: [[UInt8]], _ subject: BenchSubject) throws -> Double {
        let port = try LocalPort.unused()
        let edge = try BenchPool(
            ["edge", "--workers", "1", "--listen", "127.0.0.1:\(port)", "--drain", "0"], yaml: Self.yaml,
            server: subject.server, folder: subject.folder)
        defer { edge.stop() }
        let bodies = stride(from: 0, to: all.count, by: Self.posted.comments).map { start in
            Array(all[start..<min(start + Self.posted.comments, all.count)].joined(separator: [UInt8(ascii: "\n")]))
        }
        var publishers: [HTTPPublisher] = []
        for _ in 0..<2000 where publishers.count < Self.posted.connections {
            if let publisher = try? HTTPPublisher(port: port, path: "/v1/comments") {
                publishers.append(publisher)
            } else {
                usleep(5000)
            }
        }
        guard publishers.count == Self.posted.connections else {
            throw CommandError("the edge did not begin to listen")
        }
        return try Self.seconds {
            for (index, body) in bodies.enumerated() {
                let publisher = publishers[index % publishers.count]
                while publisher.outstanding > 0 { try publisher.readAnswers(waits: true) }
                try publisher.publish(body, to: "")
            }
            for publisher in publishers { while publisher.outstanding > 0 { try publisher.readAnswers(waits: true) } }
        }
    }

    private func push(
        _ all: [[UInt8]], _ client: BlockingRedis, _ subject: BenchSubject, isServed: Bool
    ) throws -> (taken: Double, moved: Double?) {
        let incoming = LaneID(stage: LaneID.incoming, partition: nil)
        let loop = try PushLoop(all, into: Self.shape.layout.queue(incoming), at: subject.server.address)
        var pool: BenchPool?
        if !isServed {
            pool = try BenchPool(
                ["work", LaneID.incoming, "--workers", "1"], yaml: Self.yaml, server: subject.server,
                folder: subject.folder)
        }
        defer { pool?.stop() }
        try wait("a worker serves NAME:incoming", client) {
            try client.call("HGET", Self.shape.layout.lane(incoming), "owner").text?.isEmpty == false
        }
        let start = Clock.monotonicNanoseconds()
        try loop.run()
        let taken = Double(Clock.monotonicNanoseconds() - start) / 1e9
        try wait("NAME:incoming is empty", client) { try out(incoming, client) >= all.count }
        return (taken, Double(Clock.monotonicNanoseconds() - start) / 1e9)
    }

    private func out(_ lane: LaneID, _ client: BlockingRedis) throws -> Int {
        Int(try client.call("HGET", Self.shape.layout.lane(lane), "out").integer ?? 0)
    }

    private func wait(_ what: String, _ client: BlockingRedis, until condition: () throws -> Bool) throws {
        let deadline = Clock.monotonicMilliseconds() + 300_000
        while try !condition() {
            guard Clock.monotonicMilliseconds() < deadline else {
                throw CommandError("not within five minutes: \(what)")
            }
            client.pause(milliseconds: 2)
        }
    }

    private static func seconds(_ work: () throws -> Void) rethrows -> Double {
        let start = Clock.monotonicNanoseconds()
        try work()
        return Double(Clock.monotonicNanoseconds() - start) / 1e9
    }
}
