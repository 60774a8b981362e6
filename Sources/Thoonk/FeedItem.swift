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
