/// A feed as it is listed.
public struct FeedSummary: Sendable, Equatable {
    public let name: String
    /// As it stands in the feed's configuration; empty while another client is making the feed.
    public let typeName: String

    /// Nil for a type that the contract does not know: `pyqueue` of the Python client.
    public var type: FeedType? { FeedType(rawValue: typeName) }

    public init(name: String, typeName: String) {
        self.name = name
        self.typeName = typeName
    }
}
