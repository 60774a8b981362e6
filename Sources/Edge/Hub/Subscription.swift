/// One reader's interest in one channel: where it stands, and where it waits.
final class Subscription {
    /// In which of its channel's queues a watch is.
    enum Place: UInt8 {
        case nowhere
        /// Until the channel is live.
        case unresolved
        /// Until the feed was asked for what the ring no longer holds.
        case older
        /// Until there is news.
        case waiting
        /// For its turn: there is news for it.
        case ready
    }

    let channel: Channel
    /// Held, and holding this: a reader that leaves lets go.
    let subscriber: any Subscriber
    /// What the reader asked for, and what that turned out to mean.
    var offset: Offset
    /// Set by the queue.
    var ticket = 0
    /// Set by the channel.
    var place = Place.nowhere

    init(channel: Channel, subscriber: any Subscriber, offset: Offset) {
        self.channel = channel
        self.subscriber = subscriber
        self.offset = offset
    }

    /// The place of a watch that was found in a ring; ``Position/nowhere`` until then.
    var position: Position {
        if case .position(let position) = offset { position } else { .nowhere }
    }

    /// The sequence number of a watch that was found in the ring.
    var sequence: Int64 {
        if case .position(let position) = offset { position.sequence } else { 0 }
    }
}
