/// Events of a channel as one encoded body, shared by all readers at the same position.
package final class EncodedBatch {
    /// A JSON array.
    package let body: [UInt8]
    /// The number of events.
    package let count: Int
    /// The position after them.
    package let next: Position
    /// Whether these were the ring's last events.
    let reachesEnd: Bool
    /// The number of the last event whose changes of earlier ones are in these texts.
    let changedUpTo: Int64
    /// Responses made with this body.
    let cache = AnswerCache()
    /// The compressed body, made for the first reader that accepts gzip; nil inside: it is not smaller.
    private var gzip: GzipBody??

    init(body: [UInt8], count: Int, next: Position, reachesEnd: Bool, changedUpTo: Int64) {
        self.body = body
        self.count = count
        self.next = next
        self.reachesEnd = reachesEnd
        self.changedUpTo = changedUpTo
    }

    /// The memory that it takes, including a cached response.
    var cost: Int { body.count + (body.count <= Connection.copiedBody ? body.count : 0) + 512 }

    /// The compressed body, shared as well; nil when it is not smaller.
    func gzip(by zlib: ZlibHandle) -> GzipBody? {
        if let gzip { return gzip }
        let made = GzipBody(body, by: zlib)
        gzip = .some(made)
        return made
    }
}

/// A response that many connections share: encoded for the first of them and sent to all.
///
/// It is valid while ``Key`` is the same, at most for a second, since a response contains its date.
final class AnswerCache {
    /// Everything that a response depends on, besides the owner of the cache.
    struct Key: Equatable {
        /// Seconds since 1970, for `Date`.
        let second: Int64
        let origin: OriginMatch
        let keepAlive: Bool
        let isHTTP10: Bool
        /// Distinguishes responses of the same owner.
        let variant: Int64
    }

    private var key: Key?
    private var bytes: [UInt8] = []

    /// The cached bytes; nil when they were made for another key.
    func bytes(for key: Key) -> [UInt8]? {
        self.key == key ? bytes : nil
    }

    func keep(_ bytes: [UInt8], for key: Key) {
        self.key = key
        self.bytes = bytes
    }
}
