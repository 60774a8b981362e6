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
