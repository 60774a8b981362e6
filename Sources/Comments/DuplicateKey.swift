import JSON
import Signing
import Store

/// The key by which duplicates are recognised: the conversation and the sender's `event_id`; without one, for a new
/// comment, the conversation and the sender's `id`; else a hash of all bytes. An edit carries the id of the comment that
/// it changes, so its `id` is no such key.
///
/// Senders may number events within a conversation: one's id is no repeat of the same id in another.
enum DuplicateKey {
    private static let maxPlainBytes = 60

    /// A key of at most 60 bytes. Its first letter tells the kinds apart.
    ///
    /// - Parameters:
    ///   - fields: a valid event as received, before a missing `id` is added. An event without a conversation, which
    ///     would be rejected, gets the hash of its bytes.
    ///   - raw: the event's bytes.
    /// - Throws: ``SigningError/Code/library``.
    static func make(for fields: JSONObject, raw: [UInt8]) throws(SigningError) -> [UInt8] {
        if let conversation = ConversationKey.conversation(of: fields) {
            if let given = ChannelName.part(fields["event_id"]), !given.isEmpty {
                return try key(of: given, in: conversation, plain: "e:", digest: "h:")
            }
            if EventType.of(fields) == EventType.created, let given = ChannelName.part(fields["id"]), !given.isEmpty {
                return try key(of: given, in: conversation, plain: "i:", digest: "j:")
            }
        }
        return try digest(raw, kind: "c:")
    }

    /// The conversation ends at the first NUL: the name of a valid one has no control characters
    /// (``ChannelName/problem(ofPart:)``). What follows is the id, whatever bytes it has. So no two pairs share a key.
    private static func key(
        of given: String, in conversation: String, plain: String, digest kind: String
    ) throws(SigningError) -> [UInt8] {
        let pair = [UInt8](conversation.utf8) + [0] + given.utf8
        if plain.utf8.count + pair.count <= maxPlainBytes { return [UInt8](plain.utf8) + pair }
        return try digest(pair, kind: kind)
    }

    /// 128 bits of SHA-256: nobody can construct two events with the same key.
    private static func digest(_ bytes: [UInt8], kind: String) throws(SigningError) -> [UInt8] {
        [UInt8](kind.utf8) + (try SHA256.hash(bytes)).bytes.prefix(16)
    }
}
