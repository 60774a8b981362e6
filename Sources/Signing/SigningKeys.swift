internal import CCrypto

/// The half of a key that checks signatures. Nothing but its kind can be told from its description.
public struct PublicKey: Sendable, CustomStringConvertible {
    private let handle: KeyHandle

    /// - Parameter pem: a text with one block `-----BEGIN PUBLIC KEY-----` (RFC 7468, 13).
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(pem: String) throws(SigningError) {
        guard let blocks = PEM.blocks(in: pem), blocks.count == 1, blocks[0].label == PublicKey.label else {
            throw .noPublicKey
        }
        try self.init(der: blocks[0].bytes)
    }

    /// - Parameter der: a SubjectPublicKeyInfo (RFC 5280, 4.1): RSA (RFC 3279, 2.3.1), on P-256 with the curve's name and an
    ///   uncompressed point (RFC 5480), or Ed25519 (RFC 8410).
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(der: [UInt8]) throws(SigningError) {
        handle = try KeyHandle(publicKey: der)
    }

    /// A key on P-256 from the members of a JSON Web Key (RFC 7518, 6.2.1).
    ///
    /// - Parameters:
    ///   - x: the point's first coordinate, 32 bytes.
    ///   - y: the second one, 32 bytes.
    /// - Throws: ``SigningError/Code/key`` also when there is no such point, ``SigningError/Code/library``.
    public init(x: [UInt8], y: [UInt8]) throws(SigningError) {
        guard x.count == 32, y.count == 32 else { throw .noPublicKey }
        try self.init(der: PublicKey.p256Prefix + x + y)
    }

    /// An RSA key from the members of a JSON Web Key (RFC 7518, 6.3.1).
    ///
    /// - Parameters:
    ///   - modulus: big-endian; zeros at its beginning are refused (RFC 7518, 2).
    ///   - exponent: the same.
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(modulus: [UInt8], exponent: [UInt8]) throws(SigningError) {
        guard let first = modulus.first, let least = exponent.first, first != 0, least != 0 else { throw .noPublicKey }
        let numbers = DER.integer(modulus) + DER.integer(exponent)
        let key = DER.bitString(DER.sequence(numbers))
        try self.init(der: DER.sequence(PublicKey.rsaIdentifier + key))
    }

    /// A key on Ed25519 from the member `x` of a JSON Web Key (RFC 8037, 2).
    ///
    /// - Throws: ``SigningError/Code/key`` unless it has 32 bytes, ``SigningError/Code/library``.
    public init(ed25519 point: [UInt8]) throws(SigningError) {
        guard point.count == 32 else { throw .noPublicKey }
        try self.init(der: PublicKey.ed25519Prefix + point)
    }

    init(of handle: KeyHandle) throws(SigningError) {
        try self.init(der: handle.publicDER)
    }

    /// What its signatures are made with.
    public var algorithm: SignatureAlgorithm { handle.algorithm }

    /// A SubjectPublicKeyInfo.
    public var der: [UInt8] { handle.publicDER }

    /// The same as a text, `-----BEGIN PUBLIC KEY-----`.
    public var pem: String { PEM(label: PublicKey.label, bytes: der).text }

    public var description: String { "\(algorithm.rawValue) public key" }

    /// Whether the signature of this message was made with the private half.
    ///
    /// - Parameter signature: in the form of ``SignatureAlgorithm``; any other is not valid.
    public func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        message.withUnsafeBytes {
            ccrypto_verify(handle.key, signature, signature.count, $0.baseAddress, $0.count) != 0
        }
    }

    private static let label = "PUBLIC KEY"

    /// What stands before the point in the SubjectPublicKeyInfo of a key on P-256.
    private static let p256Prefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]

    /// `rsaEncryption` with its parameter, which is null (RFC 3279, 2.3.1).
    private static let rsaIdentifier: [UInt8] = [
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ]

    /// What stands before the 32 bytes in the SubjectPublicKeyInfo of a key on Ed25519 (RFC 8410, 4).
    private static let ed25519Prefix: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]
}

/// The few forms of DER (X.690) that an RSA key is written in.
private enum DER {
    /// A positive number, big-endian and without zeros at its beginning.
    static func integer(_ bytes: [UInt8]) -> [UInt8] {
        // The highest bit is the sign.
        let isNegative = (bytes.first ?? 0) & 0x80 != 0
        return element(0x02, isNegative ? [0] + bytes : bytes)
    }

    static func bitString(_ bytes: [UInt8]) -> [UInt8] { element(0x03, [0] + bytes) }

    static func sequence(_ bytes: [UInt8]) -> [UInt8] { element(0x30, bytes) }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let length = content.count
        if length < 0x80 { return [tag, UInt8(length)] + content }
        var digits: [UInt8] = []
        var rest = length
        while rest > 0 {
            digits.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(digits.count)] + digits + content
    }
}

/// A key that signs. Nothing prints it by accident.
public struct PrivateKey: Sendable, CustomStringConvertible {
    /// What checks the signatures.
    public let publicKey: PublicKey
    private let handle: KeyHandle

    /// - Parameter pem: a text with one block `-----BEGIN PRIVATE KEY-----` (PKCS #8), `-----BEGIN EC PRIVATE KEY-----`
    ///   (SEC 1) or `-----BEGIN RSA PRIVATE KEY-----` (PKCS #1), without a passphrase. The block of parameters that `openssl ecparam -genkey` writes before it is skipped.
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(pem: String) throws(SigningError) {
        let blocks = PEM.blocks(in: pem)?.filter { $0.label != "EC PARAMETERS" } ?? []
        guard blocks.count == 1, PrivateKey.labels.contains(blocks[0].label) else { throw .noPrivateKey }
        try self.init(der: blocks[0].bytes)
    }

    /// - Parameter der: PKCS #8, SEC 1 or PKCS #1. A public half in it must belong to the private one.
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(der: [UInt8]) throws(SigningError) {
        handle = try KeyHandle(privateKey: der)
        publicKey = try PublicKey(of: handle)
    }

    /// What it signs with.
    public var algorithm: SignatureAlgorithm { handle.algorithm }

    public var description: String { "\(algorithm.rawValue) private key" }

    /// The signature of a message, in the form of ``SignatureAlgorithm``. With ES256 another one at each call.
    public func signature(of message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(CCRYPTO_MAX_SIGNATURE)) { signature, count in
            count = message.withUnsafeBytes {
                ccrypto_sign(handle.key, $0.baseAddress, $0.count, signature.baseAddress)
            }
            guard count > 0 else { Library.outOfMemory() }
        }
    }

    private static let labels = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]
}
