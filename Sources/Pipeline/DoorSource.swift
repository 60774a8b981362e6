/// A Thoonk queue, job feed or feed of some other program that is a door of the pipeline: what is put there becomes an
/// event. Contract: docs/contract.md.
public struct DoorSource: Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// Taken out one by one: what has become an event is gone there.
        case queue
        /// Claimed; each job is finished when its event has been published, stalled when it has become a dead letter.
        case job
        /// Read and left as it is: from the oldest item or from now on, then as items appear.
        case feed
    }

    public let kind: Kind
    /// The feed's name, as its writers call it.
    public let name: String
    /// For a feed that was never read: begin with what is there, instead of with what comes.
    public let fromStart: Bool

    public init(_ kind: Kind, _ name: String, fromStart: Bool = false) {
        self.kind = kind
        self.name = name
        self.fromStart = fromStart
    }

    public var description: String { "\(kind.rawValue) \(name)" }

    /// The key that every writer changes.
    var key: String { "feed.ids:\(name)" }
}
