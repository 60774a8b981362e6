/// Someone who reads channels: a poll, or a stream of server-sent events.
protocol Subscriber: AnyObject {
    /// A watch has left its queue, because there may be something for it. Look, then answer or wait again.
    ///
    /// - Parameter ring: what to look at: the channel's ring, or an older history that was loaded for this watch.
    func wake(_ subscription: Subscription, ring: Ring)
}
