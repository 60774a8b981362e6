internal import CCrypto

/// A secret that both makes and checks codes: HMAC with SHA-256 (RFC 2104; HS256 of RFC 7518). Nothing prints it by
/// accident.
public struct HMACKey: Sendable, CustomStringConvertible {
    private let secret: [UInt8]

    /// The length of a code, in bytes.
    public static let codeBytes = 32

    /// - Parameter secret: of any length; how long it must be is the caller's rule.
    /// - Throws: ``SigningError/Code/library``.
    public init(_ secret: [UInt8]) throws(SigningError) {
        try Library.load()
        self.secret = secret
    }

    public var description: String { "HMAC key" }

    /// The code of a message, 32 bytes.
    public func code(of message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: HMACKey.codeBytes) { code, count in
            let isDone = secret.withUnsafeBytes { secret in
                message.withUnsafeBytes { message in
                    ccrypto_hmac_sha256(
                        secret.baseAddress, secret.count, message.baseAddress, message.count, code.baseAddress) != 0
                }
            }
            guard isDone else { Library.outOfMemory() }
            count = HMACKey.codeBytes
        }
    }

    /// Whether it is the code of this message. Takes as long for a wrong code as for the right one.
    public func isValid(_ code: [UInt8], of message: [UInt8]) -> Bool {
        guard code.count == HMACKey.codeBytes else { return false }
        let expected = self.code(of: message)
        return code.withUnsafeBytes { code in
            expected.withUnsafeBytes { ccrypto_is_equal(code.baseAddress, $0.baseAddress, HMACKey.codeBytes) != 0 }
        }
    }
}
