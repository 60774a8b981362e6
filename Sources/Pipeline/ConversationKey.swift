internal import JSON

/// Finds the conversation of an event, for the doors.
enum ConversationKey {
    /// The value of `thread` as text; nil when there is none that could name a conversation.
    static func conversation(of fields: JSONObject) -> String? {
        switch fields["thread"] {
        case .string(let name): name
        case .int(let number): String(number)
        case .uint(let number): String(number)
        default: nil
        }
    }

    /// The event's partition; the first one for what names no conversation, since the first stage is to say so.
    static func partition(of fields: JSONObject, in layout: PipelineLayout) -> Int {
        conversation(of: fields).map(layout.partition(of:)) ?? 0
    }
}
