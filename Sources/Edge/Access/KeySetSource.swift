/// Where a set of keys comes from that changes while the edge runs: `edge.tokens.jwks`. The edge's process reads it and
/// hands it to ``EdgeServer/adopt(keySet:)``.
public struct KeySetSource: Sendable {
    public enum Place: Sendable, Equatable {
        case file(String)
        /// - `caFile`: certificates to trust in place of the system's.
        case url(String, caFile: String?)
    }

    public let place: Place
    /// The time from one reading of the URL to the next, in milliseconds.
    public let refresh: Int64
    /// The keys as they were at the start; nil: not read yet, and tokens that need them are answered with 503.
    public var keys: [TokenKey]?

    public init(_ place: Place, refresh: Int64, keys: [TokenKey]? = nil) {
        self.place = place
        self.refresh = refresh
        self.keys = keys
    }
}

/// What became of reading a key set.
public enum KeySetReading: Sendable {
    case keys([TokenKey])
    /// It could not be read, or was none: the keys stay as they are.
    case failed
}

/// Decides when a key set is read again. Pure; times in milliseconds of the monotonic clock.
public struct KeySetSchedule: Sendable {
    /// When to read next; nil: a reading is under way.
    public private(set) var next: Int64?
    private let refresh: Int64
    private var started: Int64?
    private var isHurried = false
    private var failures: Int64 = 0

    /// The shortest time between two readings that unknown keys ask for.
    public static let unknownKeyInterval: Int64 = 30_000
    /// The pause after the first failure; it doubles with each.
    private static let firstPause: Int64 = 1000
    private static let longestPause: Int64 = 30_000

    /// The first reading is due at once.
    ///
    /// - Parameter refresh: the time from one successful reading to the next.
    public init(refresh: Int64, now: Int64) {
        self.refresh = refresh
        next = now
    }

    /// A reading begins.
    public mutating func begin(now: Int64) {
        started = now
        next = nil
        isHurried = false
    }

    /// The reading has ended.
    public mutating func end(isGood: Bool, now: Int64) {
        if isGood {
            failures = 0
            next = now + refresh
        } else {
            let pause = KeySetSchedule.firstPause << min(failures, 10)
            failures += 1
            next = now + min(pause, KeySetSchedule.longestPause, refresh)
        }
        if isHurried { hurry(now: now) }
    }

    /// A token names a key that is not in the set. Reads as soon as ``unknownKeyInterval`` allows.
    public mutating func unknownKey(now: Int64) {
        if next == nil { isHurried = true } else { hurry(now: now) }
    }

    private mutating func hurry(now: Int64) {
        guard let next, let started else { return }
        self.next = min(next, max(now, started + KeySetSchedule.unknownKeyInterval))
    }
}
