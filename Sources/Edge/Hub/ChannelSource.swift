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
