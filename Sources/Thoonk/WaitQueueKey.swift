/// What the gets of one queue wait for. Feeds are told apart by the bytes of their names: to Redis two spellings of an é
/// are two feeds.
struct WaitQueueKey: Hashable {
    let kind: GetRequest.Kind
    let feed: [UInt8]

    init(_ request: GetRequest) {
        kind = request.kind
        feed = Array(request.feed.utf8)
    }
}
