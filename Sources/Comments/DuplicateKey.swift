import Crypto
import JSON

/// What makes one event a repeat of another: the `event_id` that its sender gave, else all its bytes. Not its `id`: an
/// edit carries the id of the comment that it changes.
enum DuplicateKey {
    private static let maxPlainBytes = 60

    /// At most 60 bytes. The first letter keeps the three kinds apart.
    static func make(for fields: JSONObject, raw: [UInt8]) -> [UInt8] {
        guard let given = ChannelName.part(fields["event_id"]), !given.isEmpty else {
            return raw.withUnsafeBytes { digest($0, kind: "c:") }
        }
        if given.utf8.count + 2 <= maxPlainBytes { return [UInt8]("e:".utf8) + given.utf8 }
        return [UInt8](given.utf8).withUnsafeBytes { digest($0, kind: "h:") }
    }

    /// 128 bits of SHA-256: nobody can make two events that are taken for one.
    private static func digest(_ bytes: UnsafeRawBufferPointer, kind: StaticString) -> [UInt8] {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        var key: [UInt8] = []
        key.reserveCapacity(18)
        key.append(contentsOf: UnsafeBufferPointer(start: kind.utf8Start, count: kind.utf8CodeUnitCount))
        key.append(contentsOf: hash.finalize().prefix(16))
        return key
    }
}
