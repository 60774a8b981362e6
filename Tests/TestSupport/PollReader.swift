import Foundation
import Synchronization

/// A thread that reads many channels as a page does: one poll at a time over a persistent connection, each with the
/// offsets of the last response. After a failure it sends the same request again.
///
/// It relies only on the offsets, so a loss or a repeat on the server's side shows in ``ids(of:)``.
public final class PollReader: Sendable {
    private struct State {
        var offsets: [String: String]
        var ids: [String: [String]] = [:]
        var failures: [String] = []
        var resets = 0
        var isStopped = false
        var hasEnded = false
    }

    private let state: Mutex<State>
    private let channels: [String]

    /// Starts reading channels from their oldest event kept.
    ///
    /// - Parameters:
    ///   - channels: names that need no percent-encoding.
    ///   - port: returns the edge's port; called before every connection.
    public init(_ channels: [String], port: @escaping @Sendable () -> UInt16) {
        self.channels = channels
        state = Mutex(State(offsets: Dictionary(uniqueKeysWithValues: channels.map { ($0, "-1") })))
        Thread.detachNewThread { self.run(port) }
    }

    /// The `id` of each event of a channel so far, in the order of arrival.
    public func ids(of channel: String) -> [String] { state.withLock { $0.ids[channel] ?? [] } }

    /// The failed requests so far, one line each.
    public var failures: [String] { state.withLock { $0.failures } }

    /// How often the edge said that an offset was lost.
    public var resets: Int { state.withLock { $0.resets } }

    /// Ends the thread, and waits for its end.
    public func stop() throws {
        state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the poll reader ends") { state.withLock { $0.hasEnded } }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func run(_ port: () -> UInt16) {
        var client: HTTPClient?
        while !isStopped {
            let open = client ?? HTTPClient(port: port(), timeout: 90)
            open.isCancelled = { self.isStopped }
            do {
                let response = try open.get(target)
                guard response.status == 200 else { throw TestSupportError("status \(response.status)") }
                try take(response)
                client = open
            } catch {
                client = nil
                guard !isStopped else { break }
                state.withLock { $0.failures.append("\(error)") }
                usleep(20_000)
            }
        }
        state.withLock { $0.hasEnded = true }
    }

    private var target: String {
        let offsets = state.withLock { $0.offsets }
        return "/v1/poll?" + channels.map { "c=\($0)@\(offsets[$0] ?? "-1")" }.joined(separator: "&")
    }

    /// Reads a response, which must have every requested channel.
    private func take(_ response: HTTPResponse) throws {
        let answer = try response.json["channels"]
        let parts = try channels.map { channel in
            guard let part = answer?[channel], let next = part["next"]?.string, let events = part["events"]?.array
            else { throw TestSupportError("nothing of \(channel): \(response.text.prefix(500))") }
            return (channel, next, events.compactMap { $0["id"]?.string }, part["reset"]?.bool == true)
        }
        state.withLock { state in
            for (channel, next, ids, isReset) in parts {
                state.offsets[channel] = next
                state.ids[channel, default: []] += ids
                if isReset { state.resets += 1 }
            }
        }
    }
}
