internal import CCrypto

/// The one owner of a key of libcrypto: made by the caller, freed in `deinit`, never handed out of this module.
final class KeyHandle: Sendable {
    // No function changes a key once it is made, and OpenSSL lets threads share one that none changes
    // (openssl-threads(7)).
    nonisolated(unsafe) let key: OpaquePointer

    /// A public key from its SubjectPublicKeyInfo.
    ///
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    init(publicKey der: [UInt8]) throws(SigningError) {
        try Library.load()
        guard let key = ccrypto_public_key_create(der, der.count) else { throw .noPublicKey }
        self.key = key
    }

    /// A private key from PKCS #8, SEC 1 or PKCS #1.
    ///
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    init(privateKey der: [UInt8]) throws(SigningError) {
        try Library.load()
        guard let key = ccrypto_private_key_create(der, der.count) else { throw .noPrivateKey }
        self.key = key
    }

    deinit {
        ccrypto_key_destroy(key)
    }

    var algorithm: SignatureAlgorithm {
        switch ccrypto_key_algorithm(key) {
        case CCRYPTO_ES256: .es256
        case CCRYPTO_RS256: .rs256
        case CCRYPTO_EDDSA: .eddsa
        default: preconditionFailure("an algorithm that SignatureAlgorithm does not list")
        }
    }

    /// The public half as SubjectPublicKeyInfo.
    var publicDER: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 2048) { der, count in
            count = ccrypto_key_write_public(key, der.baseAddress, der.count)
            guard count > 0 else { Library.outOfMemory() }
        }
    }
}

/// What a key signs with, by its name in RFC 7518.
public enum SignatureAlgorithm: String, Sendable {
    /// ECDSA on the curve P-256 with SHA-256. A signature is R and S, 32 bytes each.
    case es256 = "ES256"
    /// RSASSA-PKCS1-v1_5 with SHA-256. A signature is as long as the modulus.
    case rs256 = "RS256"
    /// Ed25519 (RFC 8037). A signature has 64 bytes.
    case eddsa = "EdDSA"
}

extension SigningError {
    private static let kinds =
        "RSA with 2048 to 8192 bits and an odd exponent from 65537 on (RS256), on the curve P-256 (ES256) or Ed25519 (EdDSA)"
    static let noPublicKey = SigningError(
        .key,
        "this is no public key in PEM form of a kind that is taken: \(kinds); make it with: "
            + "openssl pkey -in PRIVATE.pem -pubout")
    static let noPrivateKey = SigningError(
        .key,
        "this is no private key in PEM form of a kind that is taken: \(kinds); make one with: "
            + "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
}
