import Foundation
import Synchronization

/// An `EventSource` as in browsers, on its own thread: it connects, reads, and when the stream ends reconnects after
/// the reconnection time with the id of the last event. A response other than a 200 of the right type ends it for ever.
public final class TestEventSource: Sendable {
    private struct State {
        var events: [EventSourceParser.Event] = []
        var lastEventID = ""
        var reconnectionTime = 3000
        var connections = 0
        var oddities: [String] = []
        var comments = 0
        /// Set when it has failed for ever, as the specification demands.
        var failure: String?
        var isStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: path and query, which never change, as `EventSource.url`.
    ///   - port: called before each connection.
    public init(_ path: String, port: @escaping @Sendable () -> UInt16) {
        Thread.detachNewThread { self.run(path, port) }
    }

    public var events: [EventSourceParser.Event] { state.withLock { $0.events } }
    public var connections: Int { state.withLock { $0.connections } }
    public var comments: Int { state.withLock { $0.comments } }
    public var lastEventID: String { state.withLock { $0.lastEventID } }

    /// Why it failed, or the invalid lines of the streams; nil when all was valid.
    public var trouble: String? {
        state.withLock { $0.failure ?? ($0.oddities.isEmpty ? nil : $0.oddities.joined(separator: ", ")) }
    }

    public func stop() throws {
        state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the event source ends") { state.withLock { $0.hasEnded } }
    }

    /// The events of `/v1/events` that a page collects, by channel, and how often it was told to start again.
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

    /// The events of one channel, and how often it was reset.
    public func collected(_ channel: String) throws -> (events: [ParsedJSON], resets: Int) {
        let (events, resets) = try collected()
        return (events[channel] ?? [], resets[channel] ?? 0)
    }

    /// The events that a page collects from the stream of one channel (`/v1/channels/…?live=sse`), and its resets.
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
            let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\(field)\r\n"
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
            // After a network error it reconnects.
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

/// Parses server-sent events as a browser does, by the algorithm of WHATWG HTML, 9.2.5 and 9.2.6.
///
/// Takes bytes in pieces of any size. UTF-8 is decoded line by line, which gives the same result: no byte of a longer
/// character is a line end.
public struct EventSourceParser {
    /// An event as a page receives it.
    public struct Event: Equatable, Sendable {
        public var type = "message"
        public var data: String
        public var lastEventID: String
    }

    /// "the reconnection time", when the stream has set one.
    public private(set) var reconnectionTime: Int?
    /// "the last event ID string of the event source".
    public var lastEventID = ""
    /// Invalid lines, which the algorithm ignores: unknown fields, a `retry` that is not a number.
    public private(set) var oddities: [String] = []
    /// The number of comment lines.
    public private(set) var comments = 0

    private var line: [UInt8] = []
    private var endedByCarriageReturn = false
    private var isFirstLine = true
    private var data = ""
    private var type = ""
    private var idBuffer = ""

    public init(lastEventID: String = "") {
        self.lastEventID = lastEventID
        idBuffer = lastEventID
    }

    /// Parses bytes of the stream. Returns the events that they complete.
    public mutating func feed(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            switch byte {
            case 0x0A where endedByCarriageReturn: endedByCarriageReturn = false
            case 0x0A, 0x0D:
                endedByCarriageReturn = byte == 0x0D
                if let event = endLine() { events.append(event) }
            default:
                endedByCarriageReturn = false
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        var bytes = line
        line = []
        if isFirstLine, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        isFirstLine = false
        guard !bytes.isEmpty else { return dispatch() }
        if bytes[0] == 0x3A {
            comments += 1
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let colon = text.firstIndex(of: ":")
        var value = colon.map { text[text.index(after: $0)...] } ?? ""
        if value.first == " " { value.removeFirst() }
        field(String(text[..<(colon ?? text.endIndex)]), String(value))
        return nil
    }

    private mutating func field(_ name: String, _ value: String) {
        switch name {
        case "event": type = value
        case "data": data += value + "\n"
        case "id": if !value.utf8.contains(0) { idBuffer = value } else { oddities.append("id with NUL") }
        case "retry":
            if !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
                reconnectionTime = Int(value)
            } else {
                oddities.append("retry: \(value)")
            }
        default: oddities.append(name)
        }
    }

    private mutating func dispatch() -> Event? {
        lastEventID = idBuffer
        defer {
            data = ""
            type = ""
        }
        guard !data.isEmpty else { return nil }
        if data.hasSuffix("\n") { data.removeLast() }
        return Event(type: type.isEmpty ? "message" : type, data: data, lastEventID: lastEventID)
    }
}
