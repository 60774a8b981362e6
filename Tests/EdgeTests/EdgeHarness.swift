import Events
import Foundation
import Glibc
import Logging
import Synchronization
import TestSupport

@testable import Edge

/// An edge with a fake source and sink, on a loop and a thread of its own.
///
/// The test talks to it over HTTP, and runs code on its thread with ``on(_:)``.
final class EdgeHarness: Sendable {
    /// The objects on the edge's thread.
    struct World {
        let loop: EventLoop
        let server: EdgeServer
        let source: FakeSource
        let sink: FakeSink
        let status: FakeStatus
    }

    private struct State {
        var jobs: [@Sendable (World) -> Void] = []
        var port: UInt16?
        var adminPort: UInt16 = 0
        var failure: String?
        var isStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// Starts an edge on a free port.
    init(
        address: ListenAddress = .tcp(host: "127.0.0.1", port: 0),
        _ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }
    ) throws {
        Thread.detachNewThread { [self] in
            do {
                try run(address, configure)
            } catch {
                state.withLock { $0.failure = "\(error)" }
            }
            state.withLock { $0.hasEnded = true }
        }
        try eventually(within: 10, "the edge listens") {
            if let failure = state.withLock({ $0.failure }) { throw TestSupportError(failure) }
            return state.withLock { $0.port != nil }
        }
    }

    var port: UInt16 { state.withLock { $0.port ?? 0 } }
    /// The port of the address for administration.
    var adminPort: UInt16 { state.withLock { $0.adminPort } }

    /// Whether the loop has ended.
    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    func client(timeout: Double = 20) -> HTTPClient { HTTPClient(port: port, timeout: timeout) }

    /// Runs a closure on the edge's thread and waits for its result.
    func on<Value: Sendable>(_ job: @escaping @Sendable (World) -> Value) throws -> Value {
        let result = Box<Value>()
        state.withLock { state in
            state.jobs.append { world in
                let value = job(world)
                result.value.withLock { $0 = value }
            }
        }
        try eventually(within: 10, "the edge's thread does what it is told", every: 0.0005) {
            result.value.withLock { $0 != nil }
        }
        guard let value = result.value.withLock({ $0 }) else { throw TestSupportError("no value") }
        return value
    }

    func publish(_ event: String, to channel: String, announced: Bool = true) throws {
        try on { $0.source.publish(event, to: channel, announced: announced) }
    }

    /// Applies new limits while the edge runs: the defaults with this change.
    func adopt(_ change: @escaping @Sendable (inout EdgeLimits) -> Void) throws {
        try on { world in
            var limits = EdgeLimits()
            change(&limits)
            world.server.adopt(limits: limits)
        }
    }

    /// The value of one of the edge's metrics.
    func metric(_ name: String) throws -> Int? {
        try client().get("/metrics").text.split(separator: "\n")
            .first { $0.hasPrefix("tidings_edge_\(name) ") }
            .flatMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    }

    /// Waits until this many polls are held.
    func waitForHeld(_ count: Int) throws {
        try eventually(within: 10, "\(count) polls are held") { try metric("held") == count }
    }

    /// Stops the edge and its thread.
    func stop() throws {
        state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the edge ends") { hasEnded }
    }

    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    private func run(_ address: ListenAddress, _ configure: (inout EdgeOptions) -> Void) throws {
        let loop = try EventLoop()
        var options = EdgeOptions(address: address, epochKey: "epoch")
        options.hosts = .any
        configure(&options)
        let source = FakeSource()
        let sink = FakeSink()
        let status = FakeStatus()
        let server = EdgeServer(
            on: loop, options: options, source: source, sink: sink, status: status,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try server.start()
        let world = World(loop: loop, server: server, source: source, sink: sink, status: status)
        let (port, adminPort) = (server.port, server.adminPort)
        let ticker = Timer(on: loop) { [self] in
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                return state.jobs
            }
            for job in jobs { job(world) }
            if state.withLock({ $0.isStopped }) { loop.stop() }
        }
        ticker.schedule(every: 1)
        state.withLock { ($0.port, $0.adminPort) = (port, adminPort) }
        loop.run()
        server.stop()
    }
}

/// A sink that records posted comments and answers as the test says.
final class FakeSink: CommentSink {
    var verdict: CommentVerdict? = .accepted(ids: ["id-1"])
    private(set) var bodies: [(body: String, ndjson: Bool)] = []
    private(set) var writers: [CommentWriter] = []
    private var waiting: [(CommentVerdict) -> Void] = []

    func accept(
        _ body: [UInt8], ndjson: Bool, from writer: CommentWriter, completion: @escaping (CommentVerdict) -> Void
    ) {
        bodies.append((String(decoding: body, as: UTF8.self), ndjson))
        writers.append(writer)
        if let verdict { completion(verdict) } else { waiting.append(completion) }
    }

    /// Answers the pending posts.
    func answer(_ verdict: CommentVerdict) {
        for completion in waiting { completion(verdict) }
        waiting = []
    }
}

/// A source of the pipeline's status that answers as the test says.
final class FakeStatus: StatusSource {
    /// The answer to each reading; nil: the test answers.
    var document: [UInt8]? = Array(#"{"state":"well"}"#.utf8)
    private(set) var readings = 0
    private var waiting: ((_ body: [UInt8], _ hasAnswer: Bool) -> Void)?

    func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void) {
        readings += 1
        if let document { completion(document, true) } else { waiting = completion }
    }

    /// Answers the pending reading.
    func answer(_ text: String) {
        waiting?(Array(text.utf8), true)
        waiting = nil
    }
}
