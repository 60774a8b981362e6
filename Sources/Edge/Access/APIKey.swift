import Crypto

/// A key that comments are posted with: known by its hash, so that who reads the configuration cannot post.
public struct APIKey: Sendable, CustomStringConvertible {
    /// Whose it is, for metrics and people: never secret.
    public let name: String
    private let hash: [UInt8]

    /// How long a key is, in bytes. They are compared by an unsalted hash: short ones could be found by trying.
    public static let bytes = 20...256

    /// - Throws: ``EdgeError/Code/key`` when it is too short or too long, or not made of visible ASCII characters, without
    ///   the key in its message.
    public init(name: String, key: String) throws(EdgeError) {
        guard APIKey.bytes.contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw EdgeError(
                code: .key,
                message: "an API key has \(APIKey.bytes.lowerBound) to \(APIKey.bytes.upperBound) visible ASCII "
                    + "characters; make one with: openssl rand -hex 24")
        }
        self.name = name
        hash = Array(SHA256.hash(data: Array(key.utf8)))
    }

    /// - Parameter hexadecimal: the key's SHA-256 in 64 hexadecimal digits.
    public init(name: String, sha256 hexadecimal: String) throws(EdgeError) {
        let digits = hexadecimal.utf8.compactMap(\.hexadecimalValue)
        guard digits.count == 64, hexadecimal.utf8.count == 64 else {
            throw EdgeError(
                code: .key, message: "a SHA-256 has 64 hexadecimal digits; make it with: printf %s KEY | sha256sum")
        }
        self.name = name
        hash = stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    public var description: String { "API key \(name)" }

    /// Whether it is the same key as another, whatever their names.
    public func isSameKey(as other: APIKey) -> Bool { matches(hash: other.hash) }

    static func hash(of key: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(key.utf8)))
    }

    /// Takes as long for a wrong one as for a right one.
    func matches(hash other: [UInt8]) -> Bool {
        guard other.count == hash.count else { return false }
        return zip(hash, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// A token bucket in one number: the generic cell rate algorithm (ITU-T I.371, annex A). Pure; times in milliseconds.
///
/// A bucket of `burst` is full at first and fills again at the rate; who takes what is there goes on, who wants more waits.
struct RateLimiter {
    /// What one takes of the time.
    private let interval: Double
    /// What a full bucket holds.
    let burst: Int
    /// When the bucket is full again.
    private var full: Double = 0

    /// - Parameters:
    ///   - rate: how many in a time.
    ///   - burst: how many at once after a pause.
    init(_ rate: AccessOptions.Rate, burst: Int) {
        interval = Double(rate.milliseconds) / Double(rate.count)
        self.burst = burst
    }

    /// Takes so many, all or none.
    ///
    /// - Parameters:
    ///   - count: at most ``burst``: more would never be there.
    ///   - now: on a clock that never goes back.
    /// - Returns: nil when they were there, else how long to wait for them.
    mutating func take(_ count: Int, now: Int64) -> Int64? {
        let after = max(full, Double(now)) + interval * Double(count)
        let wait = after - Double(now) - interval * Double(burst)
        // A thousandth of a millisecond is no reason to send anybody away.
        guard wait <= 0.001 else { return Int64(wait.rounded(.up)) }
        full = after
        return nil
    }
}
