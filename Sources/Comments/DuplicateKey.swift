import JSON
import Signing

/// The key by which duplicates are recognised: the sender's `event_id`; without one, for a new comment, the sender's
/// `id`; else a hash of all bytes. An edit carries the id of the comment that it changes, so its `id` is no such key.
enum DuplicateKey {
    private static let maxPlainBytes = 60

    /// A key of at most 60 bytes. Its first letter tells the kinds apart.
    ///
    /// - Parameter fields: the event as received, before a missing `id` is added.
    /// - Throws: ``SigningError/Code/library``.
    static func make(for fields: JSONObject, raw: [UInt8]) throws(SigningError) -> [UInt8] {
        if let given = ChannelName.part(fields["event_id"]), !given.isEmpty {
            return try key(of: given, plain: "e:", digest: "h:")
        }
        if EventType.of(fields) == EventType.created, let given = ChannelName.part(fields["id"]), !given.isEmpty {
            return try key(of: given, plain: "i:", digest: "j:")
        }
        return try digest(raw, kind: "c:")
    }

    private static func key(of given: String, plain: String, digest kind: String) throws(SigningError) -> [UInt8] {
        if given.utf8.count + 2 <= maxPlainBytes { return [UInt8](plain.utf8) + given.utf8 }
        return try digest([UInt8](given.utf8), kind: kind)
    }

    /// 128 bits of SHA-256: nobody can construct two events with the same key.
    private static func digest(_ bytes: [UInt8], kind: String) throws(SigningError) -> [UInt8] {
        [UInt8](kind.utf8) + (try SHA256.hash(bytes)).bytes.prefix(16)
    }
}
