import Events
import JSON
import Signing

/// Verifies signed tokens (JWT, RFC 7519, in the compact form of RFC 7515), as strictly as RFC 8725 recommends.
///
/// Sizes are checked before the content, the signature before the claims, and the algorithm comes from the key, never
/// from the token. Anything ambiguous is refused: duplicate names, non-canonical base64, critical extensions.
final class TokenVerifier {
    private let keys: [TokenKey]
    /// The keys of the key set; nil: there is none, or it was not read yet.
    private var keySet: [TokenKey]?
    private let hasKeySet: Bool
    private let audience: String?
    private let issuer: String?
    private var maxBytes: Int
    private var maxChannels: Int
    private var parser: JSONParser
    /// Claims of tokens that were verified, by the token's hash. Readers poll with the same token again and again, and
    /// verifying an ECDSA signature takes longer than answering a poll.
    private var known = GenerationCache<SHA256.Digest, TokenClaims>(limit: 4096)

    /// Called when a token is refused because it is too large or names too many channels.
    var onLimit: (EdgeLimit) -> Void = { _ in }

    /// Called when a token names a key that is not known: the key set may have a new one.
    var onUnknownKey: () -> Void = {}

    /// The most keys that are tried for one token. A key set may have many more: whoever signs with it names the key.
    static let maxTries = 4
    /// Allowed clock difference in milliseconds: a token is accepted this much longer and this much earlier.
    static let leeway: Int64 = 30_000
    /// No valid token nests deeper.
    private static let maxDepth = 8

    init(options: AccessOptions, limits: EdgeLimits = EdgeLimits()) {
        keys = options.tokenKeys
        keySet = options.keySet?.keys
        hasKeySet = options.keySet != nil
        audience = options.audience
        issuer = options.issuer
        maxBytes = limits.tokenBytes
        maxChannels = limits.tokenChannels
        parser = JSONParser(maxBytes: limits.tokenBytes, maxDepth: Self.maxDepth)
    }

    /// Applies new limits and verifies known tokens again.
    func adopt(limits: EdgeLimits) {
        guard limits.tokenBytes != maxBytes || limits.tokenChannels != maxChannels else { return }
        maxBytes = limits.tokenBytes
        maxChannels = limits.tokenChannels
        parser = JSONParser(maxBytes: maxBytes, maxDepth: Self.maxDepth)
        known = GenerationCache(limit: known.limit)
    }

    /// Takes other keys for those of the key set. Tokens are verified again.
    func adopt(keySet keys: [TokenKey]) {
        keySet = keys
        known = GenerationCache(limit: known.limit)
    }

    /// The claims of a token that is valid now.
    ///
    /// - Parameter now: milliseconds since 1970.
    func verify(_ token: String, now: Int64) throws(TokenError) -> TokenClaims {
        guard token.utf8.count <= maxBytes else {
            onLimit(.tokenBytes)
            throw .malformed
        }
        let bytes = Array(token.utf8)
        // There is one: whoever has a key has loaded what hashes.
        let hash = try? SHA256.hash(bytes)
        let claims: TokenClaims
        if let hash, let found = known.value(for: hash) {
            claims = found
        } else {
            claims = try read(bytes)
            if let hash { known.insert(claims, for: hash) }
        }
        guard now < claims.expires + Self.leeway else { throw .expired }
        if let notBefore = claims.notBefore, now < notBefore - Self.leeway { throw .early }
        return claims
    }

    /// The claims of a token whose signature and form are valid, whatever its times.
    private func read(_ bytes: [UInt8]) throws(TokenError) -> TokenClaims {
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64.decode(parts[0], .url), let payload = Base64.decode(parts[1], .url),
            let signature = Base64.decode(parts[2], .url)
        else { throw .malformed }
        let head = try object(header)
        let candidates = try keys(for: head)
        let input = Array(bytes[..<parts[1].endIndex])
        // Always try every key, so that the time taken does not tell which one matched.
        let isGood = candidates.reduce(false) { $1.verifies(signature, of: input) || $0 }
        guard isGood else {
            if hasKeySet, head["kid"] == nil { onUnknownKey() }
            throw hasKeySet && keySet == nil ? .unread : .signature
        }
        let object = try object(payload)
        if let names = object["channels"]?.array, names.count > maxChannels { onLimit(.tokenChannels) }
        let claims = try TokenClaims(object, limit: maxChannels)
        try check(claims.audience)
        if let issuer, claims.issuer.map({ $0.utf8.elementsEqual(issuer.utf8) }) != true { throw .issuer }
        return claims
    }

    /// The keys that may have signed a token with this header.
    private func keys(for header: JSONObject) throws(TokenError) -> [TokenKey] {
        // A critical extension must be understood; none is supported (RFC 7515, 4.1.11).
        guard header["crit"] == nil, let algorithm = header["alg"]?.string else { throw .malformed }
        var named = keys + (keySet ?? [])
        if let id = header["kid"] {
            guard let id = id.string else { throw .malformed }
            named = named.filter { key in key.id.map { $0.utf8.elementsEqual(id.utf8) } ?? true }
            if !named.contains(where: { $0.id != nil }), hasKeySet {
                onUnknownKey()
                if named.isEmpty { throw keySet == nil ? .unread : .key }
            }
            if named.isEmpty { throw .key }
        }
        let fitting = named.filter { $0.algorithm.isNamed(algorithm) }
        if fitting.isEmpty { throw hasKeySet && keySet == nil ? .unread : .algorithm }
        guard fitting.count <= TokenVerifier.maxTries else { throw .unnamed }
        return fitting
    }

    /// A token with an audience is accepted only by an edge with that audience (RFC 7519, 4.1.3).
    private func check(_ named: [String]?) throws(TokenError) {
        switch (audience, named) {
        case (nil, nil): return
        case (let audience?, let named?) where named.contains { $0.utf8.elementsEqual(audience.utf8) }: return
        default: throw .audience
        }
    }

    private func object(_ bytes: [UInt8]) throws(TokenError) -> JSONObject {
        // Duplicate names are ambiguous, so refuse them (RFC 7519, 4).
        guard let object = try? parser.parseObject(bytes),
            Set(object.keys.map { Array($0.utf8) }).count == object.count
        else { throw .malformed }
        return object
    }
}

extension AccessOptions {
    /// Why an edge with these options would refuse a token now; nil when it would accept it, or does so once it has read
    /// its key set.
    ///
    /// - Parameter isWriting: the token has to be good for writing.
    public func refusal(of token: String, isWriting: Bool = false) -> String? {
        do throws(TokenError) {
            let claims = try TokenVerifier(options: self).verify(token, now: Clock.unixMilliseconds())
            if isWriting, case .unable(let problem) = claims.writing { return "\(problem.message)" }
            return nil
        } catch {
            return error == .unread ? nil : "\(error.message)"
        }
    }
}

/// Why a token was refused.
enum TokenError: String, Error, CaseIterable {
    /// No token was sent, and the channel needs one.
    case missing
    /// Not a signed token in compact form, or too large.
    case malformed
    /// The token names another algorithm than its key's, or one that no key has.
    case algorithm
    /// The token names a key that is not configured.
    case key
    /// The token names no key, and too many could have signed it.
    case unnamed
    /// The key set was not read yet.
    case unread
    /// No key verifies the signature.
    case signature
    /// A claim is missing or malformed.
    case claims
    case expired
    /// The token is not valid yet.
    case early
    /// The token names another audience.
    case audience
    /// The token names another issuer, or none.
    case issuer

    /// Tells the client what to do. Contains nothing of the token and no quotation mark, since it is also sent in a
    /// header field.
    var message: StaticString {
        switch self {
        case .missing: "private channel: a token is needed, as Authorization: Bearer TOKEN or access_token=TOKEN"
        case .malformed: "malformed token: send a JWT in compact form"
        case .algorithm:
            "the token is signed with another algorithm than its key has: HS256, ES256, RS256 and EdDSA are supported"
        case .key: "the token names an unknown key"
        case .unnamed: "the token names no key with kid, and several could have signed it"
        case .unread: "the keys that check this token have not been read yet: try again"
        case .signature: "the token's signature is wrong"
        case .claims:
            """
            the token needs the claim exp, in seconds since 1970, and to read channels, a list such as [user:7, room:*]
            """
        case .expired: "the token has expired: get a new one"
        case .early: "the token is not valid yet"
        case .audience: "the token is for another audience"
        case .issuer: "the token is from another issuer"
        }
    }
}

/// A cache of bounded size: two generations of at most ``limit`` entries each.
///
/// An entry that is used moves to the young generation. When that is full it becomes the old one, and the old entries
/// that were not used meanwhile are dropped. This approximates least recently used without its links.
struct GenerationCache<Key: Hashable, Value> {
    let limit: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// The number of entries, at most twice the limit.
    var count: Int { young.count + old.count }

    mutating func value(for key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        insert(value, for: key)
        return value
    }

    mutating func insert(_ value: Value, for key: Key) {
        if young.count >= limit {
            old = young
            young = [:]
        }
        young[key] = value
    }
}
