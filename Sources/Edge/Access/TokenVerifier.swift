import Crypto
import Events
import JSON

/// Checks signed tokens (JWT, RFC 7519, in the compact form of RFC 7515) the strict way of RFC 8725.
///
/// Sizes before meaning, the signature before the claims, the algorithm from the key and never from the token. What
/// could be understood in two ways is refused: names that stand twice, other base64 than the canonical one, extensions
/// that the token declares critical.
final class TokenVerifier {
    private let keys: [TokenKey]
    private let audience: String?
    private var maxBytes: Int
    private var maxChannels: Int
    private var parser: JSONParser
    /// The claims of tokens whose signature and form were found good, by their hash: a reader polls with the same token
    /// again and again, and a signature on the curve takes longer to check than a poll to answer.
    private var known = GenerationCache<SHA256.Digest, TokenClaims>(limit: 4096)

    /// Called when a token is refused for its size or the number of its channels.
    var onLimit: (EdgeLimit) -> Void = { _ in }

    /// How far clocks may differ, in milliseconds: a token is taken so much longer, and so much earlier.
    static let leeway: Int64 = 30_000
    /// Deeper claims are nobody's.
    private static let maxDepth = 8

    init(options: AccessOptions, limits: EdgeLimits = EdgeLimits()) {
        keys = options.tokenKeys
        audience = options.audience
        maxBytes = limits.tokenBytes
        maxChannels = limits.tokenChannels
        parser = JSONParser(maxBytes: limits.tokenBytes, maxDepth: Self.maxDepth)
    }

    /// Takes other limits; tokens that were found good are looked at anew.
    func adopt(limits: EdgeLimits) {
        guard limits.tokenBytes != maxBytes || limits.tokenChannels != maxChannels else { return }
        maxBytes = limits.tokenBytes
        maxChannels = limits.tokenChannels
        parser = JSONParser(maxBytes: maxBytes, maxDepth: Self.maxDepth)
        known = GenerationCache(limit: known.limit)
    }

    /// The claims of a token that is good now.
    ///
    /// - Parameter now: milliseconds since 1970.
    func verify(_ token: String, now: Int64) throws(TokenError) -> TokenClaims {
        guard token.utf8.count <= maxBytes else {
            onLimit(.tokenBytes)
            throw .malformed
        }
        let bytes = Array(token.utf8)
        let hash = SHA256.hash(data: bytes)
        let claims: TokenClaims
        if let found = known.value(for: hash) {
            claims = found
        } else {
            claims = try read(bytes)
            known.insert(claims, for: hash)
        }
        guard now < claims.expires + Self.leeway else { throw .expired }
        if let notBefore = claims.notBefore, now < notBefore - Self.leeway { throw .early }
        return claims
    }

    /// The claims of a token that is good at some time.
    private func read(_ bytes: [UInt8]) throws(TokenError) -> TokenClaims {
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .malformed }
        let candidates = try keys(for: object(header))
        let input = Array(bytes[..<parts[1].endIndex])
        // Every key is tried, whether one has fitted or not.
        let isGood = candidates.reduce(false) { $1.verifies(signature, of: input) || $0 }
        guard isGood else { throw .signature }
        let object = try object(payload)
        if let names = object["channels"]?.array, names.count > maxChannels { onLimit(.tokenChannels) }
        let claims = try TokenClaims(object, limit: maxChannels)
        try check(claims.audience)
        return claims
    }

    /// The keys that may have signed a token with this header.
    private func keys(for header: JSONObject) throws(TokenError) -> [TokenKey] {
        // Extensions that must be understood: none is (RFC 7515, 4.1.11).
        guard header["crit"] == nil, let algorithm = header["alg"]?.string else { throw .malformed }
        var named = keys
        if let id = header["kid"] {
            guard let id = id.string else { throw .malformed }
            named = keys.filter { key in key.id.map { $0.utf8.elementsEqual(id.utf8) } ?? true }
            if named.isEmpty { throw .key }
        }
        let fitting = named.filter { $0.algorithm.rawValue.utf8.elementsEqual(algorithm.utf8) }
        if fitting.isEmpty { throw .algorithm }
        return fitting
    }

    /// A token for somebody is not taken by anybody else, nor by who has no name (RFC 7519, 4.1.3).
    private func check(_ named: [String]?) throws(TokenError) {
        switch (audience, named) {
        case (nil, nil): return
        case (let audience?, let named?) where named.contains { $0.utf8.elementsEqual(audience.utf8) }: return
        default: throw .audience
        }
    }

    private func object(_ bytes: [UInt8]) throws(TokenError) -> JSONObject {
        // Which of two members of one name was meant is not ours to guess (RFC 7519, 4).
        guard let object = try? parser.parseObject(bytes),
            Set(object.keys.map { Array($0.utf8) }).count == object.count
        else { throw .malformed }
        return object
    }
}

extension AccessOptions {
    /// Why an edge with these options would refuse a token now; nil: it would take it.
    public func refusal(of token: String) -> String? {
        do throws(TokenError) {
            _ = try TokenVerifier(options: self).verify(token, now: Clock.unixMilliseconds())
            return nil
        } catch {
            return "\(error.message)"
        }
    }
}

/// Why a token is not taken.
enum TokenError: String, Error, CaseIterable {
    /// There is none where one is needed.
    case missing
    /// It is no signed token in compact form, or larger than allowed.
    case malformed
    /// It is signed in another way than the key that it names is for, or than any key is.
    case algorithm
    /// No key has the id that it names.
    case key
    /// The signature is not that of a key.
    case signature
    /// It lacks a claim, or has one that is not as it must be.
    case claims
    case expired
    /// Its time has not come yet.
    case early
    /// It was made for somebody else.
    case audience

    /// What to do, for the client. Without anything of the token itself, and without a quotation mark: it goes into a header
    /// field as well.
    var message: StaticString {
        switch self {
        case .missing: "private channel: a token is needed, as Authorization: Bearer TOKEN or access_token=TOKEN"
        case .malformed: "this is no token: send a JWT in compact form"
        case .algorithm: "the token is signed with another algorithm than its key is for: HS256 and ES256 are known"
        case .key: "the token names a key that is not known here"
        case .signature: "the token's signature is wrong"
        case .claims:
            "the token needs the claims exp, in seconds since 1970, and channels, a list such as [user:7, room:*]"
        case .expired: "the token has expired: get a new one"
        case .early: "the token is not valid yet"
        case .audience: "the token is for another audience"
        }
    }
}

/// What was found out lately, in bounded memory: two generations, each of at most ``limit`` entries.
///
/// What is asked for moves into the young one; when that is full it becomes the old one, and what nobody has asked for
/// in that time is gone. As good as the exact least-recently-used order for what this is for, and without its links.
struct GenerationCache<Key: Hashable, Value> {
    let limit: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// How many entries there are; at most twice the limit.
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
