import JSON
import Store

/// Where a hub gets channels from: ``FeedSource``, or a fake in tests.
protocol ChannelSource: AnyObject {
    var delegate: (any ChannelSourceDelegate)? { get set }

    /// Why the source cannot serve now; nil when it can.
    var trouble: String? { get }

    /// Subscribes to a channel. The delegate is told of each confirmation and of the announcements. A second call is
    /// confirmed again, after everything announced before.
    func subscribe(_ channel: String)
    func unsubscribe(_ channel: String)

    /// Loads the newest `limit` events after a sequence number. Calls back once on the loop's thread, possibly before
    /// this returns; with nil for a failure that may be temporary.
    func load(_ channel: String, after sequence: Int64, limit: Int, completion: @escaping (ChannelHistory?) -> Void)

    /// Loads the oldest events after a sequence number: at most `limit`, and at most `bytes` bytes of them, but at
    /// least one. Otherwise like ``load(_:after:limit:completion:)``.
    func loadPart(
        _ channel: String, after sequence: Int64, limit: Int, bytes: Int,
        completion: @escaping (ChannelHistory?) -> Void)
}

/// Receives the events of a source.
protocol ChannelSourceDelegate: AnyObject {
    /// Every later announcement of the channel will arrive.
    func sourceConfirmed(_ channel: String)
    /// Announcements may be missed until the next confirmation.
    func sourceLost(_ channel: String)
    /// The channel has news that cannot be passed on now: they have to be loaded.
    func sourceMissed(_ channel: String)
    func sourceAnnounced(_ channel: String, sequence: Int64, event: [UInt8])
}

/// Makes an event fit for an answer: valid JSON without line breaks.
///
/// Events of the pipeline pass unchanged. But any Thoonk client can publish anything to a feed: what is not JSON is
/// passed on as a JSON string, so that one publisher cannot break the answers of all readers.
final class EventText {
    private let parser = JSONParser(maxBytes: 16 * 1024 * 1024, maxDepth: 512)

    func normalized(_ event: [UInt8]) -> [UInt8] {
        guard (try? parser.parse(event)) != nil else {
            return JSON.string(String(decoding: event, as: UTF8.self)).bytes
        }
        // In valid JSON a line break can only stand between tokens, where a space means the same.
        guard event.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return event }
        return event.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }
}
