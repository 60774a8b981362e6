internal import Redis

extension RedisValue {
    /// What a function gives as {id, item, id, item, …}.
    var feedItems: [FeedItem] {
        let flat = array ?? []
        return stride(from: 0, to: flat.count - 1, by: 2).map { index in
            FeedItem(id: flat[index].text ?? "", bytes: flat[index + 1].bytes ?? [])
        }
    }
}
