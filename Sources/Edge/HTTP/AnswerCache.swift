/// The bytes of an answer that many connections get alike: written for the first of them, sent to all.
///
/// Good for as long as ``Key`` is the same, at most a second: answers say when they were made.
final class AnswerCache {
    /// All that an answer's bytes depend on besides what its owner stands for.
    struct Key: Equatable {
        /// Seconds since 1970, for `Date`.
        let second: Int64
        let origin: OriginMatch
        let keepAlive: Bool
        let isHTTP10: Bool
        /// What the owner tells its own answers apart by.
        let variant: Int64
    }

    private var key: Key?
    private var bytes: [UInt8] = []

    /// What was kept for that key; nil when it was another.
    func bytes(for key: Key) -> [UInt8]? {
        self.key == key ? bytes : nil
    }

    func keep(_ bytes: [UInt8], for key: Key) {
        self.key = key
        self.bytes = bytes
    }
}
