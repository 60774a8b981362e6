import Crypto
import JSON

/// What makes one event a repeat of another: the `event_id` that its sender gave; without one, for a new comment, the `id`
/// that he gave; else all its bytes. An edit carries the id of the comment that it changes, so it is not known by it.
enum DuplicateKey {
    private static let maxPlainBytes = 60

    /// At most 60 bytes. The first letter keeps the kinds apart.
    ///
    /// - Parameter fields: as they arrived, before an `id` is given to what has none.
    static func make(for fields: JSONObject, raw: [UInt8]) -> [UInt8] {
        if let given = ChannelName.part(fields["event_id"]), !given.isEmpty {
            return key(of: given, plain: "e:", digest: "h:")
        }
        if EventType.of(fields) == EventType.created, let given = ChannelName.part(fields["id"]), !given.isEmpty {
            return key(of: given, plain: "i:", digest: "j:")
        }
        return raw.withUnsafeBytes { digest($0, kind: "c:") }
    }

    private static func key(of given: String, plain: String, digest kind: StaticString) -> [UInt8] {
        if given.utf8.count + 2 <= maxPlainBytes { return [UInt8](plain.utf8) + given.utf8 }
        return [UInt8](given.utf8).withUnsafeBytes { digest($0, kind: kind) }
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
