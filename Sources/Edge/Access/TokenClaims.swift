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
