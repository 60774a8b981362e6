import Foundation
import Synchronization

/// A thread that follows many channels the way a page does: one poll at a time over a connection that is kept, each with
/// the offsets of the last answer, and after a failure the same once more.
///
/// It trusts the offsets and nothing else, so that a loss or a repeat on the server's side shows in ``ids(of:)``.
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

    /// Starts to follow channels from their oldest event kept.
    ///
    /// - Parameters:
    ///   - channels: names that need no percent-encoding.
    ///   - port: gives the edge's port; asked before every connection.
    public init(_ channels: [String], port: @escaping @Sendable () -> UInt16) {
        self.channels = channels
        state = Mutex(State(offsets: Dictionary(uniqueKeysWithValues: channels.map { ($0, "-1") })))
        Thread.detachNewThread { self.run(port) }
    }

    /// The `id` of each event of a channel so far, in the order of arrival.
    public func ids(of channel: String) -> [String] { state.withLock { $0.ids[channel] ?? [] } }

    /// What went wrong so far, one line a failed request.
    public var failures: [String] { state.withLock { $0.failures } }

    /// How often the edge said that a position was lost.
    public var resets: Int { state.withLock { $0.resets } }

    /// Ends the thread; returns when it reads no more.
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

    /// Takes an answer whole: it has to name every channel that was asked for.
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
