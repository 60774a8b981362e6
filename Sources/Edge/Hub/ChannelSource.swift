import JSON

/// Where a hub gets channels from. One real implementation (``FeedSource``), and one in the tests.
protocol ChannelSource: AnyObject {
    var delegate: (any ChannelSourceDelegate)? { get set }

    /// Why nothing can be got now; nil when all is well.
    var trouble: String? { get }

    /// Begins to follow a channel: the delegate hears of the confirmation, each time, and of the announcements. Called
    /// again, it is confirmed again, after all that had been announced before.
    func subscribe(_ channel: String)
    func unsubscribe(_ channel: String)

    /// Reads what is kept after a sequence number, at most the newest `limit` events. Nil for a failure that another
    /// attempt may cure. Called back once, on the loop's thread; possibly before this returns.
    func load(_ channel: String, after sequence: Int64, limit: Int, completion: @escaping (History?) -> Void)

    /// Reads the oldest of what is kept after a sequence number: at most `limit` events of together `bytes` bytes, one in any
    /// case. All else as with ``load(_:after:limit:completion:)``.
    func loadPart(
        _ channel: String, after sequence: Int64, limit: Int, bytes: Int, completion: @escaping (History?) -> Void)
}

/// What a source tells.
protocol ChannelSourceDelegate: AnyObject {
    /// From here on every announcement of the channel will arrive.
    func sourceConfirmed(_ channel: String)
    /// Announcements may be missed until the next confirmation.
    func sourceLost(_ channel: String)
    func sourceAnnounced(_ channel: String, sequence: Int64, event: [UInt8])
}

/// Makes an event fit to stand in an answer: valid JSON without line breaks.
///
/// What the pipeline publishes passes unchanged. Any Thoonk client can publish anything to a feed; what is no JSON is
/// passed on as a JSON string, so that one publisher cannot break the answers of all readers.
final class EventText {
    private let parser = JSONParser(maxBytes: 16 * 1024 * 1024, maxDepth: 512)

    func normalized(_ event: [UInt8]) -> [UInt8] {
        guard (try? parser.parse(event)) != nil else {
            return JSON.string(String(decoding: event, as: UTF8.self)).bytes
        }
        // Valid JSON has line breaks only between its tokens, where a space is as good.
        guard event.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return event }
        return event.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }
}
