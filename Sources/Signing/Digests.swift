internal import CCrypto

/// SHA-256 (FIPS 180-4). The first hash of a process loads libcrypto.
public enum SHA256 {
    /// The 32 bytes of a hash.
    public struct Digest: Hashable, Sendable {
        private let words: (UInt64, UInt64, UInt64, UInt64)

        /// The number of bytes.
        public static let count = 32

        init(_ words: (UInt64, UInt64, UInt64, UInt64)) {
            self.words = words
        }

        public var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

        /// The first eight bytes as a number, the most significant byte first.
        public var high: UInt64 { UInt64(bigEndian: words.0) }
        /// The eight bytes after these, in the same way.
        public var low: UInt64 { UInt64(bigEndian: words.1) }

        public static func == (left: Digest, right: Digest) -> Bool { left.words == right.words }

        public func hash(into hasher: inout Hasher) {
            // Any part of a cryptographic hash is spread evenly.
            hasher.combine(words.0)
        }
    }

    /// - Throws: ``SigningError/Code/library``.
    public static func hash(_ bytes: [UInt8]) throws(SigningError) -> Digest {
        try Library.load()
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let isDone = bytes.withUnsafeBytes { bytes in
            withUnsafeMutableBytes(of: &words) { words in
                ccrypto_sha256(bytes.baseAddress, bytes.count, words.assumingMemoryBound(to: UInt8.self).baseAddress)
                    != 0
            }
        }
        guard isDone else { Library.outOfMemory() }
        return Digest(words)
    }
}

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
