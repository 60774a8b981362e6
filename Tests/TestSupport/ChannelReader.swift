import Foundation
import Glibc
import Synchronization

/// A thread that reads a channel as a browser does: each request continues at the offset of the last response, and
/// after a failure it sends the same request again.
///
/// It relies only on the offsets, so a loss or a repeat on the server's side shows in ``events``.
public final class ChannelReader: Sendable {
    /// The protocol that it uses.
    public enum Way: Sendable {
        /// `GET /v1/channels/CHANNEL?offset=O&live=long-poll`
        case longPoll
        /// `GET /v1/poll?c=CHANNEL@O`
        case poll
    }

    public let channel: String
    private let loop: ChannelReaderLoop

    /// Starts reading `channel`.
    ///
    /// - Parameters:
    ///   - offset: where to start; `-1` is the oldest event kept.
    ///   - hold: how long the edge should hold a poll, in seconds; nil: the edge's default.
    ///   - headers: sent with every request, such as `Authorization`.
    ///   - port: returns the edge's port; called before every connection, so that a test may move the edge.
    public init(
        _ channel: String, way: Way = .longPoll, from offset: String = "-1", hold: Int? = nil,
        headers: [String: String] = [:], port: @escaping @Sendable () -> UInt16
    ) {
        self.channel = channel
        let loop = ChannelReaderLoop(channel: channel, way: way, offset: offset, hold: hold, headers: headers)
        self.loop = loop
        Thread.detachNewThread { loop.run(port: port) }
    }

    deinit {
        loop.state.withLock { $0.isStopped = true }
    }

    /// The events so far, in the order of arrival.
    public var events: [ParsedJSON] { loop.state.withLock { $0.events } }

    /// The `id` of each event so far.
    public var ids: [String] { events.compactMap { $0["id"]?.string } }

    /// Where the next request starts.
    public var offset: String { loop.state.withLock { $0.offset } }

    /// The failed requests so far, one line each: refused and broken connections, and unexpected statuses.
    public var failures: [String] { loop.state.withLock { $0.failures } }

    /// How often the edge said that the offset was lost. The reader then started at the oldest event kept.
    public var resets: Int { loop.state.withLock { $0.resets } }

    /// Ends the thread, and waits for its end.
    public func stop() throws {
        loop.state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the reader of \(channel) ends") { loop.state.withLock { $0.hasEnded } }
    }
}

/// The thread of a ``ChannelReader`` and its results. It outlives the reader by at most one request.
final class ChannelReaderLoop: Sendable {
    struct State {
        var offset: String
        var events: [ParsedJSON] = []
        var failures: [String] = []
        var resets = 0
        var isStopped = false
        var hasEnded = false
    }

    let state: Mutex<State>
    private let channel: String
    private let way: ChannelReader.Way
    private let hold: Int?
    private let headers: [String: String]

    /// The channel, encoded for a URL.
    private var encoded: String {
        let plain = CharacterSet(charactersIn: ":-_.").union(.alphanumerics)
        return channel.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }

    init(channel: String, way: ChannelReader.Way, offset: String, hold: Int?, headers: [String: String]) {
        self.channel = channel
        self.way = way
        self.hold = hold
        self.headers = headers
        state = Mutex(State(offset: offset))
    }

    /// Sends requests until it is stopped. Each new connection goes to the current `port()`.
    func run(port: () -> UInt16) {
        var client: HTTPClient?
        while !isStopped {
            let open = client ?? HTTPClient(port: port(), timeout: 90)
            open.isCancelled = { self.isStopped }
            client = step(open) ? open : nil
        }
        state.withLock { $0.hasEnded = true }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    /// One request and its response. Returns false when the connection cannot be used again.
    private func step(_ client: HTTPClient) -> Bool {
        do {
            let response = try client.get(target, headers: headers)
            switch response.status {
            case 200: try take(response)
            case 204: try advance(to: response[header: "Stream-Next-Offset"], with: [])
            case 410:
                state.withLock {
                    $0.resets += 1
                    $0.offset = "-1"
                }
            default: throw TestSupportError("status \(response.status): \(response.text.prefix(200))")
            }
            return true
        } catch {
            guard !isStopped else { return false }
            state.withLock { $0.failures.append("\(error)") }
            usleep(20_000)
            return false
        }
    }

    private var target: String {
        let offset = state.withLock { $0.offset }
        let timeout = hold.map { "&timeout=\($0)" } ?? ""
        return switch way {
        case .longPoll: "/v1/channels/\(encoded)?offset=\(offset)&live=long-poll\(timeout)"
        case .poll: "/v1/poll?c=\(encoded)@\(offset)\(timeout)"
        }
    }

    private func take(_ response: HTTPResponse) throws {
        switch way {
        case .longPoll:
            guard let events = try response.json.array else { throw TestSupportError("no array: \(response.text)") }
            try advance(to: response[header: "Stream-Next-Offset"], with: events)
        case .poll:
            guard let answer = try response.json["channels"]?[channel], let events = answer["events"]?.array else {
                throw TestSupportError("no events of \(channel): \(response.text)")
            }
            if answer["reset"]?.bool == true { state.withLock { $0.resets += 1 } }
            try advance(to: answer["next"]?.string, with: events)
        }
    }

    private func advance(to offset: String?, with events: [ParsedJSON]) throws {
        guard let offset else { throw TestSupportError("an answer without the next offset") }
        state.withLock {
            $0.offset = offset
            $0.events += events
        }
    }
}
