import Signing

/// A key that tokens are verified with. Its description does not contain the secret.
public struct TokenKey: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case shared(HMACKey)
        case pair(PublicKey)
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
            material = .shared(try HMACKey(secret))
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
    }

    /// The public key of a pair.
    ///
    /// - Parameters:
    ///   - algorithm: what the key must be for; any but ``TokenAlgorithm/hs256``.
    ///   - pem: begins with `-----BEGIN PUBLIC KEY-----` (RFC 7468, 13).
    ///
    /// - Throws: ``EdgeError/Code/key``. The message does not contain the key.
    public init(id: String?, _ algorithm: TokenAlgorithm, pem: String) throws(EdgeError) {
        guard !pem.contains("PRIVATE KEY-----") else {
            throw EdgeError(
                code: .key,
                message: "an edge takes the public half of an \(algorithm.rawValue) key, not the private one; make it "
                    + "with: openssl pkey -in PRIVATE.pem -pubout")
        }
        do throws(SigningError) {
            try self.init(id: id, PublicKey(pem: pem))
        } catch {
            throw error.code == .library
                ? EdgeError(code: .key, message: error.message) : TokenKey.isNot(algorithm)
        }
        guard self.algorithm == algorithm else { throw TokenKey.isNot(algorithm) }
    }

    /// The public key of a pair, which says itself what it is for.
    init(id: String?, _ key: PublicKey) {
        self.id = id
        material = .pair(key)
    }

    public var algorithm: TokenAlgorithm {
        switch material {
        case .shared: .hs256
        case .pair(let key): TokenAlgorithm(key.algorithm)
        }
    }

    public var description: String { "\(algorithm.rawValue) key \(id ?? "without id")" }

    /// Whether the signature was made with this key. HS256 is compared in constant time.
    func verifies(_ signature: [UInt8], of input: [UInt8]) -> Bool {
        switch material {
        case .shared(let key): key.isValid(signature, of: input)
        case .pair(let key): key.isValid(signature, of: input)
        }
    }

    private static func isNot(_ algorithm: TokenAlgorithm) -> EdgeError {
        EdgeError(
            code: .key,
            message: "an \(algorithm.rawValue) key is a public key \(algorithm.kind) in PEM form; make it with: "
                + "openssl pkey -in PRIVATE.pem -pubout")
    }
}

/// How a token is signed (RFC 7518, 3.1). The key determines the algorithm; a token that names another one is refused.
public enum TokenAlgorithm: String, CaseIterable, Sendable {
    /// HMAC with SHA-256: whoever can verify a token can also make one.
    case hs256 = "HS256"
    /// ECDSA on the curve P-256 with SHA-256: the edge has only the public key.
    case es256 = "ES256"
    /// RSASSA-PKCS1-v1_5 with SHA-256: the edge has only the public key.
    case rs256 = "RS256"
    /// Ed25519 (RFC 8037): the edge has only the public key.
    case eddsa = "EdDSA"

    init(_ algorithm: SignatureAlgorithm) {
        switch algorithm {
        case .es256: self = .es256
        case .rs256: self = .rs256
        case .eddsa: self = .eddsa
        }
    }

    /// Whether a token's `alg`, or a key's, means this algorithm. `EdDSA` is also called by its curve (RFC 9864, 2.2).
    func isNamed(_ name: String) -> Bool {
        name.utf8.elementsEqual(rawValue.utf8) || (self == .eddsa && name.utf8.elementsEqual("Ed25519".utf8))
    }

    /// What a key for it is, in words.
    var kind: String {
        switch self {
        case .hs256: "of at least \(TokenKey.minSecretBytes) bytes"
        case .es256: "on the curve P-256"
        case .rs256: "for RSA with 2048 to 8192 bits and an odd exponent from 65537 on"
        case .eddsa: "on Ed25519"
        }
    }

    /// All names, for messages.
    static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
