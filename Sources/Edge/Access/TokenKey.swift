import Crypto

/// A key that tokens are verified with. Its description does not contain the secret.
public struct TokenKey: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case hs256(SymmetricKey)
        case es256(P256.Signing.PublicKey)
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
        material = .hs256(SymmetricKey(data: secret))
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
        do {
            material = .es256(try P256.Signing.PublicKey(pemRepresentation: pem))
        } catch {
            throw EdgeError(
                code: .key,
                message: "an ES256 key is a public key on the curve P-256 in PEM form; make it with: "
                    + "openssl pkey -in PRIVATE.pem -pubout")
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
        case .hs256(let key):
            return HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: input, using: key)
        case .es256(let key):
            // The signature is R and S, 32 bytes each (RFC 7518, 3.4).
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: input)
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
