public import JSON
import Signing

/// A key that tokens are verified with. Its description does not contain the secret.
public struct TokenKey: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case hs256(HMACKey)
        case es256(PublicKey)
    }

    /// The `kid` by which tokens name this key; nil: it is tried for every token.
    public let id: String?
    private let material: Material

    /// The shortest secret in bytes: the length of the hash (RFC 7518, 3.2).
    public static let minSecretBytes = 32

    /// A symmetric key, which signs and verifies.
    ///
    /// - Throws: ``EdgeError/Code/key`` when it is too short. The message does not contain the secret.
    public init(id: String?, hs256 secret: [UInt8]) throws(EdgeError) {
        guard secret.count >= TokenKey.minSecretBytes else {
            throw EdgeError(
                code: .key,
                message:
                    "an HS256 key has at least \(TokenKey.minSecretBytes) bytes, not \(secret.count); make one with: "
                    + "openssl rand -hex 32")
        }
        self.id = id
        do throws(SigningError) {
            material = .hs256(try HMACKey(secret))
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
    }

    /// The public key of a pair on the curve P-256.
    ///
    /// - Parameter pem: begins with `-----BEGIN PUBLIC KEY-----` (RFC 7468, 13).
    ///
    /// - Throws: ``EdgeError/Code/key``. The message does not contain the key.
    public init(id: String?, es256 pem: String) throws(EdgeError) {
        guard !pem.contains("PRIVATE KEY-----") else {
            throw EdgeError(
                code: .key,
                message: "an edge takes the public half of an ES256 key, not the private one; make it with: "
                    + "openssl pkey -in PRIVATE.pem -pubout")
        }
        do throws(SigningError) {
            material = .es256(try PublicKey(pem: pem))
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
        self.id = id
    }

    public var algorithm: TokenAlgorithm {
        switch material {
        case .hs256: .hs256
        case .es256: .es256
        }
    }

    public var description: String { "\(algorithm.rawValue) key \(id ?? "without id")" }

    /// Whether the signature was made with this key. HS256 is compared in constant time.
    func verifies(_ signature: [UInt8], of input: [UInt8]) -> Bool {
        switch material {
        case .hs256(let key): key.isValid(signature, of: input)
        case .es256(let key): key.isValid(signature, of: input)
        }
    }
}

/// How a token is signed (RFC 7518, 3.1). The key determines the algorithm; a token that names another one is refused.
public enum TokenAlgorithm: String, Sendable {
    /// HMAC with SHA-256: whoever can verify a token can also make one.
    case hs256 = "HS256"
    /// ECDSA on the curve P-256 with SHA-256: the edge has only the public key.
    case es256 = "ES256"
}

/// Signs tokens, for `tidings token`.
public struct TokenSigner: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case hs256(HMACKey)
        case es256(PrivateKey)
    }

    private let id: String?
    private let material: Material
    /// The key that verifies the tokens.
    public let key: TokenKey

    /// - Parameters:
    ///   - id: the header's `kid`; nil: none.
    ///   - secret: as for ``TokenKey/init(id:hs256:)``.
    public init(id: String?, hs256 secret: [UInt8]) throws(EdgeError) {
        key = try TokenKey(id: id, hs256: secret)
        do throws(SigningError) {
            material = .hs256(try HMACKey(secret))
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
        self.id = id
    }

    /// - Parameter pem: a private key on the curve P-256, `-----BEGIN PRIVATE KEY-----` or `-----BEGIN EC PRIVATE KEY-----`.
    /// - Throws: ``EdgeError/Code/key``, without the key in its message.
    public init(id: String?, es256 pem: String) throws(EdgeError) {
        let privateKey: PrivateKey
        do throws(SigningError) {
            privateKey = try PrivateKey(pem: pem)
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
        material = .es256(privateKey)
        key = try TokenKey(id: id, es256: privateKey.publicKey.pem)
        self.id = id
    }

    public var description: String { "signs with \(key)" }

    /// A signed token: header, claims and signature (RFC 7515, 7.1).
    ///
    /// - Parameter claims: written unchanged. Every edge refuses a token without `exp` and `channels`.
    public func token(claims: JSONObject) -> String {
        var header = JSONObject(members: [("alg", .string(key.algorithm.rawValue)), ("typ", "JWT")])
        if let id { header["kid"] = .string(id) }
        let input = "\(TokenSigner.encode(header)).\(TokenSigner.encode(claims))"
        return "\(input).\(Base64.encode(signature(of: Array(input.utf8)), .url))"
    }

    private func signature(of input: [UInt8]) -> [UInt8] {
        switch material {
        case .hs256(let key): key.code(of: input)
        case .es256(let key): key.signature(of: input)
        }
    }

    private static func encode(_ object: JSONObject) -> String {
        Base64.encode(JSON.object(object).bytes, .url)
    }
}
