import Foundation
import Synchronization

/// A thread that follows a channel the way a browser does: it asks, takes what is new, asks again from there, and
/// after a failure asks the same once more.
///
/// It trusts the offsets and nothing else, so that a loss or a repeat on the server's side shows in ``events``.
public final class ChannelReader: Sendable {
    /// Which of the edge's ways it reads by.
    public enum Way: Sendable {
        /// `GET /v1/channels/CHANNEL?offset=O&live=long-poll`
        case longPoll
        /// `GET /v1/poll?c=CHANNEL@O`
        case poll
    }

    public let channel: String
    private let loop: ChannelReaderLoop

    /// Starts to follow `channel`.
    ///
    /// - Parameters:
    ///   - port: gives the edge's port; asked before every connection, so that a test may move the edge.
    ///   - offset: where to start: `-1` is the oldest event kept.
    ///   - hold: how long the edge is asked to hold a poll, in seconds; nil leaves it to the edge.
    ///   - headers: sent with every request: an `Authorization`.
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

    /// The events so far, in the order of their arrival.
    public var events: [ParsedJSON] { loop.state.withLock { $0.events } }

    /// The `id` of each event so far.
    public var ids: [String] { events.compactMap { $0["id"]?.string } }

    /// Where the next request starts.
    public var offset: String { loop.state.withLock { $0.offset } }

    /// What went wrong so far, one line a failed request: connections refused and cut, and statuses not expected.
    public var failures: [String] { loop.state.withLock { $0.failures } }

    /// How often the edge said that the position was lost. The reader then began at the oldest event kept.
    public var resets: Int { loop.state.withLock { $0.resets } }

    /// Ends the thread; returns when it reads no more.
    public func stop() throws {
        loop.state.withLock { $0.isStopped = true }
        try eventually(within: 10, "the reader of \(channel) ends") { loop.state.withLock { $0.hasEnded } }
    }
}
