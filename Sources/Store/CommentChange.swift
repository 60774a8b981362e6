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

    /// Whether an event of this type is about a conversation as a whole: it carries no comment, and no text.
    package static func isOfConversation(_ type: String) -> Bool {
        ConversationChange.Kind(type: type) != nil
    }
}

/// What an event does to a conversation as a whole: from the one to the other, in the order of the conversation's
/// partition, it takes no new comments and no edits by those who write in it.
package struct ConversationChange: Equatable {
    package enum Kind: String, Sendable {
        case closed
        case opened

        /// Nil for an event of another type.
        package init?(type: String) {
            switch type {
            case EventType.closed: self = .closed
            case EventType.opened: self = .opened
            default: return nil
            }
        }

        /// The type of its event.
        package var type: String { self == .closed ? EventType.closed : EventType.opened }
    }

    package let kind: Kind
    /// The conversation's name.
    package let conversation: String

    /// Nil for an event of another type, or one that names no conversation.
    package init?(of fields: JSONObject) {
        guard let kind = Kind(type: EventType.of(fields)),
            let conversation = ConversationKey.conversation(of: fields)
        else { return nil }
        self.kind = kind
        self.conversation = conversation
    }

    /// Whether a closed conversation takes an event of a sender, as far as the event alone tells. The deletion of a comment
    /// is taken, since whoever owns a comment may remove it.
    package static func isTakenWhileClosed(_ kind: CommentChange.Kind, by sender: Sender) -> Bool {
        switch kind {
        case .created: false
        case .edited: sender.isApp || sender.isModerator
        case .deleted: true
        }
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
