/// What the gets of one desk wait for. Feeds are told apart by the bytes of their names: to Redis two spellings of an é
/// are two feeds.
struct DeskKey: Hashable {
    let kind: GetRequest.Kind
    let feed: [UInt8]

    init(_ request: GetRequest) {
        kind = request.kind
        feed = Array(request.feed.utf8)
    }
}
