/// How much of a channel's past is kept.
public enum HistoryPolicy: Sendable, Equatable {
    /// The newest events: so many, and none that is older than `age` milliseconds, where one is given.
    case log(events: Int, age: Int64? = nil)
    /// The newest event only: lower sequence numbers are no loss.
    case state
    /// Nothing: events are announced, and have sequence numbers.
    case none

    /// How many events a channel keeps at most.
    package var events: Int {
        switch self {
        case .log(let events, _): events
        case .state: 1
        case .none: 0
        }
    }

    package var age: Int64? {
        if case .log(_, let age) = self { age } else { nil }
    }
}

/// How much is kept of each channel, by its kind: the text before the first `:` of its name.
public struct HistoryPolicies: Sendable, Equatable {
    public var kinds: [String: HistoryPolicy]
    /// For channels of any other kind.
    public var others: HistoryPolicy
    /// A channel without an event for so many milliseconds disappears, where its policy has no age.
    public var lifetime: Int64

    public init(kinds: [String: HistoryPolicy] = [:], others: HistoryPolicy, lifetime: Int64 = 7 * day) {
        self.kinds = kinds
        self.others = others
        self.lifetime = lifetime
    }

    /// The same for all channels: so many events each.
    public static func all(_ events: Int, lifetime: Int64 = 7 * day) -> Self {
        HistoryPolicies(others: .log(events: events), lifetime: lifetime)
    }

    /// Without a configuration.
    public static let standard = HistoryPolicies(
        kinds: [
            "thread": .log(events: 1000, age: 7 * day), "forum": .log(events: 200, age: day),
            "user": .log(events: 100, age: 30 * day), "post": .state,
        ], others: .log(events: 100, age: 7 * day))

    public static let day: Int64 = 86_400_000

    /// The kind of a channel: nil where the name has none.
    package static func kind(of channel: String) -> String? {
        channel.utf8.firstIndex(of: UInt8(ascii: ":")).map { String(channel[..<$0]) }
    }

    package subscript(channel: String) -> HistoryPolicy {
        HistoryPolicies.kind(of: channel).flatMap { kinds[$0] } ?? others
    }

    /// How long a channel with this policy lives without an event, in milliseconds.
    package func life(of policy: HistoryPolicy) -> Int64 { policy.age ?? lifetime }

    /// The longest and the shortest of these lives.
    package var longestLife: Int64 { lives.max() ?? lifetime }
    package var shortestLife: Int64 { lives.min() ?? lifetime }

    /// The most events that a channel keeps.
    package var mostEvents: Int { (Array(kinds.values) + [others]).map(\.events).max() ?? 0 }

    private var lives: [Int64] { (Array(kinds.values) + [others]).map(life) }
}
