import Crypto

/// A key that an edge checks tokens with. Nothing prints it by accident.
public struct TokenKey: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case hs256(SymmetricKey)
        case es256(P256.Signing.PublicKey)
    }

    /// What tokens name it by in their header's `kid`; nil: it is tried for every token.
    public let id: String?
    private let material: Material

    /// The shortest secret, in bytes: as long as the hash (RFC 7518, 3.2).
    public static let minSecretBytes = 32

    /// A key that signs and checks.
    ///
    /// - Throws: ``EdgeError/Code/key`` when it is too short; without the secret in its message.
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

    /// The public half of a key on the curve P-256.
    ///
    /// - Parameter pem: `-----BEGIN PUBLIC KEY-----` and so on (RFC 7468, 13).
    /// - Throws: ``EdgeError/Code/key``, without the key in its message.
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

    /// Whether the signature was made with this key. Takes as long for a wrong one as for a right one (HS256).
    func verifies(_ signature: [UInt8], of input: [UInt8]) -> Bool {
        switch material {
        case .hs256(let key):
            return HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: input, using: key)
        case .es256(let key):
            // R and S, 32 bytes each (RFC 7518, 3.4); nothing else is one.
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: input)
        }
    }
}

/// How a token is signed (RFC 7518, 3.1). The key says which one it is for; a token that names another is refused.
public enum TokenAlgorithm: String, Sendable {
    /// HMAC with SHA-256: who can check a token can make one.
    case hs256 = "HS256"
    /// ECDSA on the curve P-256 with SHA-256: the edge has only the public half.
    case es256 = "ES256"
}
