import JSON

/// The claims of a token that the edge uses (RFC 7519, 4.1).
struct TokenClaims: Equatable {
    /// `exp`, in milliseconds since 1970: the token is refused from then on.
    let expires: Int64
    /// `nbf`, in milliseconds since 1970: the token is refused before.
    let notBefore: Int64?
    /// `aud`; nil when the token names no audience.
    let audience: [String]?
    /// `iss`.
    let issuer: String?
    /// What it may read; nil when the token says nothing of reading.
    let channels: [ChannelPattern]?
    /// What it may write.
    let writing: WritingClaims

    /// The end of the year 9999 in seconds. A time in milliseconds by mistake is beyond it and is refused.
    private static let latest: Double = 253_402_300_799

    /// Reads the claims of a token whose signature was verified.
    ///
    /// - Parameter limit: the largest number of channels.
    ///
    /// - Throws: ``TokenError/claims`` when `exp` is missing, or a claim that every token has is malformed.
    init(_ object: JSONObject, limit: Int) throws(TokenError) {
        guard let expires = object["exp"] else { throw .claims }
        self.expires = try TokenClaims.milliseconds(expires)
        if let notBefore = object["nbf"] {
            self.notBefore = try TokenClaims.milliseconds(notBefore)
        } else {
            notBefore = nil
        }
        switch object["aud"] {
        case nil: audience = nil
        case .string(let name): audience = [name]
        case .array(let names):
            let texts = names.compactMap(\.string)
            guard texts.count == names.count else { throw .claims }
            audience = texts
        default: throw .claims
        }
        issuer = object["iss"]?.string
        if let names = object["channels"] {
            guard let patterns = ChannelPattern.list(names, 1...limit) else { throw .claims }
            channels = patterns
        } else {
            channels = nil
        }
        writing = WritingClaims(object, limit: limit)
    }

    /// Whether it may read this channel.
    func permits(_ channel: String) -> Bool {
        channels?.contains { $0.matches(channel) } ?? false
    }

    /// A NumericDate: seconds since 1970, fractions allowed (RFC 7519, 2).
    private static func milliseconds(_ value: JSON) throws(TokenError) -> Int64 {
        guard let seconds = value.double, seconds >= 0, seconds <= latest else { throw .claims }
        return Int64(seconds * 1000)
    }
}

/// A pattern of channels that a token may read or write: one channel (`user:7`) or all with a prefix (`room:*`).
///
/// Names are compared byte by byte: two names that look alike are two channels.
public struct ChannelPattern: Sendable, Equatable {
    private let bytes: [UInt8]
    private let isPrefix: Bool

    /// The longest pattern in bytes: the longest channel name and the star.
    static let maxBytes = 257

    /// Reads `KIND:NAME` or `KIND:PREFIX*`, where the prefix may be empty.
    ///
    /// - Returns: nil for anything else. The star is allowed only at the end and not in the kind: no token can read
    ///   every kind, which would include kinds added later.
    public init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)
        guard bytes.count <= ChannelPattern.maxBytes else { return nil }
        isPrefix = bytes.last == UInt8(ascii: "*")
        if isPrefix { bytes.removeLast() }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, isPrefix || colon < bytes.count - 1
        else { return nil }
        for byte in bytes {
            switch byte {
            case 0..<0x20, 0x7F, UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "*"): return nil
            default: break
            }
        }
        self.bytes = bytes
    }

    /// A list of patterns. Nil when it is none, has another number of elements, or one that cannot be read: that one may
    /// have been meant to restrict the token.
    static func list(_ value: JSON, _ counts: ClosedRange<Int>) -> [ChannelPattern]? {
        guard let names = value.array, counts.contains(names.count) else { return nil }
        let patterns = names.compactMap(\.string).compactMap { ChannelPattern($0) }
        return patterns.count == names.count ? patterns : nil
    }

    /// Whether the pattern covers that channel.
    public func matches(_ channel: String) -> Bool {
        isPrefix ? channel.utf8.starts(with: bytes) : channel.utf8.elementsEqual(bytes)
    }
}
