internal import Redis

/// An item with its id, as a feed or a queue gives it.
public struct FeedItem: Sendable, Equatable {
    /// As text: an id that is no UTF-8, which only another client can have made, is repaired.
    public let id: String
    public let bytes: [UInt8]

    /// The item as text, repaired where it is no UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public init(id: String, bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }
}

/// What can be an item or a result: text or bytes. Thoonk gives them no meaning.
public protocol ItemBytes: Sendable {
    var itemBytes: [UInt8] { get }
}

extension String: ItemBytes {
    /// The text in UTF-8.
    public var itemBytes: [UInt8] { Array(utf8) }
}

extension Array: ItemBytes where Element == UInt8 {
    public var itemBytes: [UInt8] { self }
}

extension RedisValue {
    /// What a function gives as {id, item, id, item, …}.
    var feedItems: [FeedItem] {
        let flat = array ?? []
        return stride(from: 0, to: flat.count - 1, by: 2).map { index in
            FeedItem(id: flat[index].text ?? "", bytes: flat[index + 1].bytes ?? [])
        }
    }
}
