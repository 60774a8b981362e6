import JSON
import Signing

/// What makes one event a repeat of another: the `event_id` that its sender gave; without one, for a new comment, the `id`
/// that he gave; else all its bytes. An edit carries the id of the comment that it changes, so it is not known by it.
enum DuplicateKey {
    private static let maxPlainBytes = 60

    /// At most 60 bytes. The first letter keeps the kinds apart.
    ///
    /// - Parameter fields: as they arrived, before an `id` is given to what has none.
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

    /// 128 bits of SHA-256: nobody can make two events that are taken for one.
    private static func digest(_ bytes: [UInt8], kind: String) throws(SigningError) -> [UInt8] {
        [UInt8](kind.utf8) + (try SHA256.hash(bytes)).bytes.prefix(16)
    }
}
