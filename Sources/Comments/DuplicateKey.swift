import JSON
import Pipeline
import Signing
import Store

/// The key by which duplicates are recognised: the conversation, its sender and the sender's `event_id`; without one, for a
/// new comment, the conversation, the sender and the given `id`; else a hash of the sender and all bytes. An edit carries
/// the id of the comment that it changes, so its `id` is no such key.
///
/// Senders may number events within a conversation: one's id is no repeat of the same id in another. Nor is it a repeat of
/// another sender's, so nobody can keep another one's comment out by sending its id first.
///
/// A `thread.closed` or `thread.opened` repeats another one only by its `event_id`: a conversation that was opened may be
/// closed again with the same bytes.
enum DuplicateKey {
    private static let maxPlainBytes = 60

    /// A key of at most 60 bytes. Its first letter tells the kinds apart; a capital says that a sender is part of it. Nil for
    /// an event that repeats none.
    ///
    /// - Parameter event: a valid event as received, before a missing `id` is added. An event without a conversation, which
    ///   would be rejected, gets the hash of its bytes.
    /// - Throws: ``SigningError/Code/library``.
    static func make(for event: Event) throws(SigningError) -> [UInt8]? {
        let fields = event.fields
        let owner = event.sender.isApp ? nil : event.sender.owner
        if let conversation = ConversationKey.conversation(of: fields) {
            let scope = [UInt8](conversation.utf8) + [0] + (owner.map { $0.utf8 + [0] } ?? [])
            if let given = ChannelName.part(fields["event_id"]), !given.isEmpty {
                return try key(
                    of: given, in: scope, plain: owner == nil ? "e:" : "E:", digest: owner == nil ? "h:" : "H:")
            }
            if EventType.of(fields) == EventType.created, let given = ChannelName.part(fields["id"]), !given.isEmpty {
                return try key(
                    of: given, in: scope, plain: owner == nil ? "i:" : "I:", digest: owner == nil ? "j:" : "J:")
            }
        }
        if EventType.isOfConversation(EventType.of(fields)) { return nil }
        guard let owner else { return try digest(event.raw, kind: "c:") }
        return try digest([UInt8](owner.utf8) + [0] + event.raw, kind: "C:")
    }

    /// The conversation ends at the first NUL, and a sender at the second: the name of a valid conversation has no control
    /// characters (``ChannelName/problem(ofPart:)``), nor has a sender. What follows is the id, whatever bytes it has. So no
    /// two pairs share a key.
    private static func key(
        of given: String, in scope: [UInt8], plain: String, digest kind: String
    ) throws(SigningError) -> [UInt8] {
        let pair = scope + given.utf8
        if plain.utf8.count + pair.count <= maxPlainBytes { return [UInt8](plain.utf8) + pair }
        return try digest(pair, kind: kind)
    }

    /// 128 bits of SHA-256: nobody can construct two events with the same key.
    private static func digest(_ bytes: [UInt8], kind: String) throws(SigningError) -> [UInt8] {
        [UInt8](kind.utf8) + (try SHA256.hash(bytes)).bytes.prefix(16)
    }
}
