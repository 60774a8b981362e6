internal import CCrypto

/// A key that signs. Nothing prints it by accident.
public struct PrivateKey: Sendable, CustomStringConvertible {
    /// What checks the signatures.
    public let publicKey: PublicKey
    private let handle: KeyHandle

    /// - Parameter pem: a text with one block `-----BEGIN PRIVATE KEY-----` (PKCS #8) or `-----BEGIN EC PRIVATE KEY-----`
    ///   (SEC 1), without a passphrase. The block of parameters that `openssl ecparam -genkey` writes before it is skipped.
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(pem: String) throws(SigningError) {
        let blocks = PEM.blocks(in: pem)?.filter { $0.label != "EC PARAMETERS" } ?? []
        guard blocks.count == 1, PrivateKey.labels.contains(blocks[0].label) else { throw .noPrivateKey }
        try self.init(der: blocks[0].bytes)
    }

    /// - Parameter der: PKCS #8 or SEC 1. A public half in it must belong to the private one.
    /// - Throws: ``SigningError/Code/key``, ``SigningError/Code/library``.
    public init(der: [UInt8]) throws(SigningError) {
        handle = try KeyHandle(privateKey: der)
        publicKey = try PublicKey(of: handle)
    }

    /// What it signs with.
    public var algorithm: SignatureAlgorithm { handle.algorithm }

    public var description: String { "\(algorithm.rawValue) private key" }

    /// The signature of a message, in the form of ``SignatureAlgorithm``. Another one at each call.
    public func signature(of message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(CCRYPTO_MAX_SIGNATURE)) { signature, count in
            count = message.withUnsafeBytes {
                ccrypto_sign(handle.key, $0.baseAddress, $0.count, signature.baseAddress)
            }
            guard count > 0 else { Library.outOfMemory() }
        }
    }

    private static let labels = ["PRIVATE KEY", "EC PRIVATE KEY"]
}
