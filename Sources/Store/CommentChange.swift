package import JSON

/// The event types that say what happens to a comment or to a conversation. An event of any other type passes.
package enum EventType {
    package static let created = "comment.created"
    package static let edited = "comment.edited"
    package static let deleted = "comment.deleted"
    /// A conversation takes no more comments, until it is opened again.
    package static let closed = "thread.closed"
    package static let opened = "thread.opened"

    /// The event's type; `comment.created` when it has none.
    package static func of(_ fields: JSONObject) -> String {
        fields["type"]?.string ?? created
    }
}

/// What an event does to a comment, as far as the functions need it to tell which event of the comment counts.
package struct CommentChange: Equatable {
    package enum Kind: String, Sendable {
        case created
        case edited
        case deleted

        /// Nil for an event that is about no comment.
        package init?(of fields: JSONObject) {
            switch EventType.of(fields) {
            case EventType.created: self = .created
            case EventType.edited: self = .edited
            case EventType.deleted: self = .deleted
            default: return nil
            }
        }
    }

    package let kind: Kind
    /// Names the comment: its conversation, a NUL, its id. Ids may be numbered within a conversation.
    package let post: [UInt8]

    /// Nil for an event that is about no comment, or does not name it.
    package init?(of fields: JSONObject) {
        guard let kind = Kind(of: fields), let conversation = ConversationKey.conversation(of: fields),
            let id = ConversationKey.name(fields["id"])
        else { return nil }
        self.kind = kind
        post = [UInt8](conversation.utf8) + [0] + id.utf8
    }
}
