internal import Redis

/// An item of a feed or queue, with its id.
public struct FeedItem: Sendable, Equatable {
    /// The id as text. An id that is not UTF-8, which only another client can have made, is repaired.
    public let id: String
    public let bytes: [UInt8]

    /// The content as text, repaired where it is not UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public init(id: String, bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }
}

/// The content of an item or of a result: text or bytes. Thoonk does not interpret it.
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
    /// The items of a reply of the form {id, item, id, item, …}.
    var feedItems: [FeedItem] {
        let flat = array ?? []
        return stride(from: 0, to: flat.count - 1, by: 2).map { index in
            FeedItem(id: flat[index].text ?? "", bytes: flat[index + 1].bytes ?? [])
        }
    }
}
