/// Ends a subscription when the last copy of its ``FeedEvents`` is gone.
final class EventTicket: Sendable {
    private let client: ThoonkClient
    private let id: UInt64

    init(client: ThoonkClient, id: UInt64) {
        self.client = client
        self.id = id
    }

    deinit {
        Task { [client, id] in await client.unfollow(id) }
    }
}
