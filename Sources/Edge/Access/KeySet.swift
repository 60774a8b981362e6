import JSON
import Signing

/// A JWK Set (RFC 7517): public keys that tokens are verified with.
///
/// Keys that are of another kind, for something else, or beyond the limits are skipped, as RFC 7517, 5, recommends. A set
/// that is ambiguous or shows a private key is refused as a whole.
public struct KeySet: Sendable {
    public let keys: [TokenKey]
    /// Why each of the other keys was skipped.
    public let skipped: [String]

    public static let maxBytes = 65_536
    public static let maxKeys = 64
    static let maxIDBytes = 256
    private static let maxDepth = 8
    /// Members that only private and shared keys have (RFC 7518, 6.2.2, 6.3.2, 6.4.1; RFC 8037, 2).
    private static let secrets = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    /// - Parameter bytes: a JSON object with the member `keys`.
    /// - Throws: ``EdgeError/Code/keySet``, without any part of a key in its message.
    public init(_ bytes: [UInt8]) throws(EdgeError) {
        guard bytes.count <= KeySet.maxBytes else {
            throw KeySet.error("it is larger than \(KeySet.maxBytes) bytes")
        }
        let object: JSONObject
        do throws(JSONError) {
            object = try JSONParser(maxBytes: KeySet.maxBytes, maxDepth: KeySet.maxDepth).parseObject(bytes)
        } catch {
            throw KeySet.error(error.message)
        }
        guard object.hasUniqueKeys, let list = object["keys"]?.array else {
            throw KeySet.error("it has no list `keys`, or two: a JWK Set reads {\"keys\":[…]}")
        }
        guard list.count <= KeySet.maxKeys else { throw KeySet.error("it has more than \(KeySet.maxKeys) keys") }
        var keys: [TokenKey] = []
        var skipped: [String] = []
        for (index, element) in list.enumerated() {
            guard let members = element.object, members.hasUniqueKeys else {
                throw KeySet.error("keys[\(index)] is no object, or has a member twice")
            }
            if let name = KeySet.secrets.first(where: { members[$0] != nil }) {
                throw KeySet.error(
                    "keys[\(index)] has the member `\(name)`, which belongs to private and shared keys: publish the public "
                        + "half alone, and replace a key that others have seen")
            }
            do throws(Skipped) {
                keys.append(try KeySet.key(members))
            } catch {
                skipped.append("keys[\(index)]: \(error.reason)")
            }
        }
        guard !keys.isEmpty else {
            throw KeySet.error("it has no key that can be used\(skipped.first.map { ": \($0)" } ?? "")")
        }
        self.keys = keys
        self.skipped = skipped
    }

    private struct Skipped: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private static func error(_ problem: String) -> EdgeError {
        EdgeError(code: .keySet, message: "the key set cannot be used: \(problem)")
    }

    private static func key(_ members: JSONObject) throws(Skipped) -> TokenKey {
        try checkUse(members)
        let id = try id(members)
        let key = TokenKey(id: id, try publicKey(members))
        // A key that names an algorithm is for no other (RFC 7517, 4.4).
        if let name = members["alg"] {
            guard let name = name.string, key.algorithm.isNamed(name) else {
                throw Skipped("`alg` is none of \(TokenAlgorithm.names), or does not fit the key")
            }
        }
        return key
    }

    private static func checkUse(_ members: JSONObject) throws(Skipped) {
        if let use = members["use"], use.string != "sig" { throw Skipped("`use` is not sig") }
        guard let operations = members["key_ops"] else { return }
        let names = operations.array?.compactMap(\.string) ?? []
        guard names.contains("verify"), Set(names).count == operations.array?.count else {
            throw Skipped("`key_ops` is no list of different texts with verify among them")
        }
    }

    private static func id(_ members: JSONObject) throws(Skipped) -> String? {
        guard let value = members["kid"] else { return nil }
        guard let id = value.string, (1...maxIDBytes).contains(id.utf8.count) else {
            throw Skipped("`kid` is no text of 1 to \(maxIDBytes) bytes")
        }
        return id
    }

    private static func publicKey(_ members: JSONObject) throws(Skipped) -> PublicKey {
        switch (members["kty"]?.string, members["crv"]?.string) {
        case ("RSA", nil):
            let (modulus, exponent) = (try bytes(members, "n"), try bytes(members, "e"))
            return try made { () throws(SigningError) in try PublicKey(modulus: modulus, exponent: exponent) }
        case ("EC", "P-256"):
            let (x, y) = (try bytes(members, "x"), try bytes(members, "y"))
            return try made { () throws(SigningError) in try PublicKey(x: x, y: y) }
        case ("OKP", "Ed25519"):
            let point = try bytes(members, "x")
            return try made { () throws(SigningError) in try PublicKey(ed25519: point) }
        default: throw Skipped("`kty` and `crv` are none of RSA, EC with P-256 and OKP with Ed25519")
        }
    }

    private static func made(_ body: () throws(SigningError) -> PublicKey) throws(Skipped) -> PublicKey {
        do throws(SigningError) {
            return try body()
        } catch {
            throw Skipped(error.message)
        }
    }

    /// A number or a point in base64url.
    private static func bytes(_ members: JSONObject, _ name: String) throws(Skipped) -> [UInt8] {
        guard let text = members[name]?.string, let bytes = Base64.decode(text.utf8, .url) else {
            throw Skipped("`\(name)` is missing or no base64url")
        }
        return bytes
    }
}

extension JSONObject {
    fileprivate var hasUniqueKeys: Bool { Set(keys.map { Array($0.utf8) }).count == count }
}
