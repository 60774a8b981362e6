import JSON

/// What a token says, as far as the edge asks (RFC 7519, 4.1).
struct TokenClaims: Equatable {
    /// `exp`, in milliseconds since 1970: from then on the token is not taken.
    let expires: Int64
    /// `nbf`, likewise: not before.
    let notBefore: Int64?
    /// `aud`; nil: for nobody in particular.
    let audience: [String]?
    let channels: [ChannelPattern]

    /// The end of the year 9999. Who writes milliseconds where seconds are meant is beyond it, and is told.
    private static let latest: Double = 253_402_300_799

    /// Reads the claims of a token whose signature is good.
    ///
    /// - Parameter limit: how many channels it may name.
    /// - Throws: ``TokenError/claims`` unless `exp` and `channels` are there and everything is as it must be.
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
        guard let names = object["channels"]?.array, (1...limit).contains(names.count) else { throw .claims }
        let channels = names.compactMap(\.string).compactMap { ChannelPattern($0) }
        // One that cannot be understood may have been meant to narrow: nothing is taken then.
        guard channels.count == names.count else { throw .claims }
        self.channels = channels
    }

    func permits(_ channel: String) -> Bool {
        channels.contains { $0.matches(channel) }
    }

    /// A NumericDate: seconds since 1970, fractions allowed (RFC 7519, 2).
    private static func milliseconds(_ value: JSON) throws(TokenError) -> Int64 {
        guard let seconds = value.double, seconds >= 0, seconds <= latest else { throw .claims }
        return Int64(seconds * 1000)
    }
}

/// What a token gives leave to read: one channel (`user:7`), or all whose names begin alike (`room:*`).
///
/// Names are compared byte by byte: two that look alike are two channels.
public struct ChannelPattern: Sendable, Equatable {
    private let bytes: [UInt8]
    private let isPrefix: Bool

    /// The longest pattern, in bytes: a channel's longest name and the star.
    static let maxBytes = 257

    /// Reads `KIND:NAME` or `KIND:BEGINNING*`, where the beginning may be empty.
    ///
    /// - Returns: nil for what is neither. A star stands only at the end, and not for a kind: leave to read every channel,
    ///   of kinds that nobody has thought of yet, is not given.
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

    /// Whether it gives leave to read that channel.
    public func matches(_ channel: String) -> Bool {
        isPrefix ? channel.utf8.starts(with: bytes) : channel.utf8.elementsEqual(bytes)
    }
}
