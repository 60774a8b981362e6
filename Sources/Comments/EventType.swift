import JSON

/// The types of events that the built-in stages treat differently from others. Any other type is passed along.
enum EventType {
    static let created = "comment.created"
    static let edited = "comment.edited"
    static let deleted = "comment.deleted"

    /// The event's type; `comment.created` where none is given.
    static func of(_ fields: JSONObject) -> String {
        fields["type"]?.string ?? created
    }
}
