import Foundation
import Synchronization

/// An `EventSource` as browsers have it, on a thread of its own: it connects, reads, and when the stream ends connects anew
/// after the reconnection time with the last event's id. Anything but a 200 of the right type ends it for ever.
public final class TestEventSource: Sendable {
    private struct State {
        var events: [EventSourceParser.Event] = []
        var lastEventID = ""
        var reconnectionTime = 3000
        var connections = 0
        var oddities: [String] = []
        var comments = 0
        /// Set when it gave up: a real one never comes back.
        var failure: String?
        var isStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: path and query; always the same, as `EventSource.url`.
    ///   - port: asked before each connection.
    public init(_ path: String, port: @escaping @Sendable () -> UInt16) {
        Thread.detachNewThread { self.run(path, port) }
    }

    public var events: [EventSourceParser.Event] { state.withLock { $0.events } }
    public var connections: Int { state.withLock { $0.connections } }
    public var comments: Int { state.withLock { $0.comments } }
    public var lastEventID: String { state.withLock { $0.lastEventID } }

    /// Why it gave up, or what was strange in the streams; nil when all was well.
    public var trouble: String? {
        state.withLock { $0.failure ?? ($0.oddities.isEmpty ? nil : $0.oddities.joined(separator: ", ")) }
    }

    public func stop() throws {
        state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the event source ends") { state.withLock { $0.hasEnded } }
    }

    /// What a page that collects all events of `/v1/events` has, by channel, and how often it was told to begin anew.
    public func collected() throws -> (events: [String: [ParsedJSON]], resets: [String: Int]) {
        var collected: [String: [ParsedJSON]] = [:]
        var resets: [String: Int] = [:]
        for event in events where event.type == "message" {
            for (channel, item) in try ParsedJSON(parsing: event.data)["channels"]?.object ?? [:] {
                if item["reset"]?.bool == true { resets[channel, default: 0] += 1 }
                collected[channel, default: []] += item["events"]?.array ?? []
            }
        }
        return (collected, resets)
    }

    /// The same of one channel.
    public func collected(_ channel: String) throws -> (events: [ParsedJSON], resets: Int) {
        let (events, resets) = try collected()
        return (events[channel] ?? [], resets[channel] ?? 0)
    }

    /// What a page that collects the events of one channel's stream (`/v1/channels/…?live=sse`) has.
    public func collectedData() throws -> (events: [ParsedJSON], resets: Int) {
        let all = events
        let lists = try all.filter { $0.type == "data" }.map { try ParsedJSON(parsing: $0.data).array ?? [] }
        return (lists.flatMap { $0 }, all.count { $0.type == "reset" })
    }

    private func run(_ path: String, _ port: () -> UInt16) {
        while !state.withLock({ $0.isStopped || $0.failure != nil }) {
            connect(path, port())
            let deadline = Deadline(in: Double(state.withLock { $0.reconnectionTime }) / 1000)
            while !deadline.isOver, !state.withLock({ $0.isStopped || $0.failure != nil }) { usleep(2000) }
        }
        state.withLock { $0.hasEnded = true }
    }

    private func connect(_ path: String, _ port: UInt16) {
        let id = state.withLock { $0.lastEventID }
        var parser = EventSourceParser(lastEventID: id)
        do {
            let socket = try StreamSocket(port: port)
            let field = id.isEmpty ? "" : "Last-Event-ID: \(id)\r\n"
            let request = "GET \(path) HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\(field)\r\n"
            try socket.send(Array(request.utf8), before: Deadline(in: 10))
            var head: [UInt8]? = []
            while true {
                var bytes = try socket.receive(before: Deadline(in: 30)) { state.withLock { $0.isStopped } }
                if bytes.isEmpty { return }
                if let start = head {
                    let received = start + bytes
                    guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else {
                        head = received
                        continue
                    }
                    guard accept(String(decoding: received[..<end.lowerBound], as: UTF8.self)) else { return }
                    head = nil
                    bytes = Array(received[end.upperBound...])
                }
                take(parser.feed(bytes), &parser)
            }
        } catch {
            // A network error: it is tried again.
        }
    }

    private func accept(_ head: String) -> Bool {
        guard head.hasPrefix("HTTP/1.1 200 "), head.contains("Content-Type: text/event-stream") else {
            state.withLock { $0.failure = head }
            return false
        }
        state.withLock { $0.connections += 1 }
        return true
    }

    private func take(_ events: [EventSourceParser.Event], _ parser: inout EventSourceParser) {
        state.withLock { state in
            state.events += events
            state.lastEventID = parser.lastEventID
            if let time = parser.reconnectionTime { state.reconnectionTime = time }
            state.oddities += parser.oddities
            state.comments = max(state.comments, parser.comments)
        }
    }
}
