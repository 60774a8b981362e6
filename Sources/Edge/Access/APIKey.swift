import Signing

/// A key that authorizes posting comments. Only its hash is kept, so reading the configuration does not allow posting.
public struct APIKey: Sendable, CustomStringConvertible {
    /// The owner's name, for metrics and for people. Not secret.
    public let name: String
    private let hash: [UInt8]

    /// The allowed length of a key, in bytes. Keys are compared by an unsalted hash, so a short one could be guessed.
    public static let bytes = 20...256

    /// - Throws: ``EdgeError/Code/key`` when the key is too short, too long, or not made of visible ASCII characters.
    ///   The message does not contain the key.
    public init(name: String, key: String) throws(EdgeError) {
        guard APIKey.bytes.contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw EdgeError(
                code: .key,
                message: "an API key has \(APIKey.bytes.lowerBound) to \(APIKey.bytes.upperBound) visible ASCII "
                    + "characters; make one with: openssl rand -hex 24")
        }
        self.name = name
        do throws(SigningError) {
            hash = try APIKey.hash(of: key)
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
    }

    /// - Parameter hexadecimal: the key's SHA-256, as 64 hexadecimal digits.
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

    /// Whether both are the same key, whatever their names.
    public func isSameKey(as other: APIKey) -> Bool { matches(hash: other.hash) }

    /// - Throws: ``SigningError/Code/library``.
    static func hash(of key: String) throws(SigningError) -> [UInt8] {
        try SHA256.hash(Array(key.utf8)).bytes
    }

    /// Compares in constant time.
    func matches(hash other: [UInt8]) -> Bool {
        guard other.count == hash.count else { return false }
        return zip(hash, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// A token bucket in one number: the generic cell rate algorithm (ITU-T I.371, annex A). Pure; times in milliseconds.
///
/// The bucket starts full with `burst` and refills at the rate. A request that wants more than it holds has to wait.
struct RateLimiter {
    /// The time that one takes to refill.
    private let interval: Double
    /// The capacity of the bucket.
    let burst: Int
    /// When the bucket is full again.
    private var full: Double = 0

    /// - Parameters:
    ///   - rate: how many per period.
    ///   - burst: how many at once after a pause.
    init(_ rate: AccessOptions.Rate, burst: Int) {
        interval = Double(rate.milliseconds) / Double(rate.count)
        self.burst = burst
    }

    /// Takes `count` from the bucket, all or none.
    ///
    /// - Parameters:
    ///   - count: at most ``burst``; the bucket never holds more.
    ///   - now: monotonic.
    ///
    /// - Returns: nil when they were taken, otherwise the time until enough are there.
    mutating func take(_ count: Int, now: Int64) -> Int64? {
        let after = max(full, Double(now)) + interval * Double(count)
        let wait = after - Double(now) - interval * Double(burst)
        // Floating-point error, not a real shortage.
        guard wait <= 0.001 else { return Int64(wait.rounded(.up)) }
        full = after
        return nil
    }
}
