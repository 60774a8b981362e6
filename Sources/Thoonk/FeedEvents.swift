/// What happens to feeds, as it happens. Get one by ``ThoonkClient/events(of:)``.
///
/// It reconnects by itself for ever, and says by ``FeedEvent/missed(_:)`` where something may be missing: Redis keeps no
/// announcement for those who are not there. It ends when the client is closed, or for a task that is cancelled.
///
/// A copy is the same stream: several tasks that follow it share the events. Keep one for as long as you follow it; when
/// the last copy is gone the subscription ends.
public struct FeedEvents: AsyncSequence, Sendable {
    public typealias Element = FeedEvent
    public typealias Failure = Never

    let queue: EventQueue
    let token: SubscriptionToken

    public struct Iterator: AsyncIteratorProtocol {
        let queue: EventQueue
        let token: SubscriptionToken

        /// The next event; nil at the end.
        public mutating func next() async -> FeedEvent? {
            await queue.next()
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> FeedEvent? {
            await queue.next()
        }
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(queue: queue, token: token)
    }
}
