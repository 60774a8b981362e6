/// Where a reader of many channels stands in one of them.
struct ChannelShare {
    let subscription: Subscription
    let position: Position
    /// What is to be read from: the channel's ring, or an older history.
    let ring: Ring
    let hasNews: Bool
    /// The reader's place was lost: this is a new beginning.
    let isReset: Bool
}
