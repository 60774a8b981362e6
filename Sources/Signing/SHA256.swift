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
