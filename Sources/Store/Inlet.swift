import Redis

/// A Thoonk queue, job feed or feed of another program that is an inlet of the pipeline: what is put there becomes an
/// event. Keys and configuration call it a `door`. Contract: docs/contract.md.
public struct Inlet: Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// Items are taken out: an item that has become an event is gone there.
        case queue
        /// Jobs are claimed. Each is finished when its event was published, stalled when it became a dead letter.
        case job
        /// Items are read and stay: from the oldest or from now on, then as they appear.
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
    package var key: String { "feed.ids:\(name)" }
}

/// What became of a look into an inlet.
package enum DrawAnswer: Equatable {
    /// So many items were seen, and what is an event of them was moved.
    case drawn(Int)
    /// The queue `NAME:incoming` holds the limit or more; nothing was moved.
    case full
    /// Another worker owns the lane `incoming`.
    case fenced
}

extension FunctionCall where Answer == DrawAnswer {
    /// Moves items of an inlet to the queue `NAME:incoming`, in one step.
    ///
    /// - Parameters:
    ///   - token: of the lane `incoming` without a partition, whose owner alone may draw.
    ///   - count: how many items are moved at most.
    ///   - limit: nothing is moved while so many events wait.
    package static func draw(
        from inlet: Inlet, into layout: PipelineLayout, token: String, count: Int, limit: Int
    ) -> Self {
        FunctionCall(
            "draw", keys: [layout.lane(.openInlet), layout.queue(.openInlet)],
            [
                token, inlet.kind.rawValue, inlet.name, String(count), String(limit),
                inlet.fromStart ? "start" : "now", layout.shape,
            ]
        ) { value in
            switch value.array?.first?.text {
            case "OK": .drawn(Int(value.array?.last?.integer ?? 0))
            case "FULL": .full
            default: .fenced
            }
        }
    }
}
