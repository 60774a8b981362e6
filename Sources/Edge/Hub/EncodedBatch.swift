/// Events of a channel as one body that all readers at the same position share.
final class EncodedBatch {
    /// A JSON array.
    let body: [UInt8]
    /// How many events it holds.
    let count: Int
    /// The position after them.
    let next: Position
    /// Whether the ring held nothing more.
    let reachesEnd: Bool
    /// Answers that were made of it.
    let cache = AnswerCache()
    /// The body in gzip form; nil inside: it does not get smaller. Made when the first reader asks for it.
    private var gzip: GzipBody??

    init(body: [UInt8], count: Int, next: Position, reachesEnd: Bool) {
        self.body = body
        self.count = count
        self.next = next
        self.reachesEnd = reachesEnd
    }

    /// Bytes that it takes, an answer kept for others included.
    var cost: Int { body.count + (body.count <= Connection.copiedBody ? body.count : 0) + 512 }

    /// The body in gzip form, shared like the plain one; nil when that is no smaller.
    func gzip(by zlib: ZlibHandle) -> GzipBody? {
        if let gzip { return gzip }
        let made = GzipBody(body, by: zlib)
        gzip = .some(made)
        return made
    }
}

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
