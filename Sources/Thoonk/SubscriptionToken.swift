/// Ends a subscription when the last copy of its ``FeedEvents`` is gone.
final class SubscriptionToken: Sendable {
    private let core: ThoonkCore
    private let id: UInt64

    init(core: ThoonkCore, id: UInt64) {
        self.core = core
        self.id = id
    }

    deinit {
        Task { [core, id] in await core.unsubscribe(id) }
    }
}
