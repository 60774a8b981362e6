import JSON

/// The event that says that a person was erased: `{"type":"author.erased","author":"42","time":MILLISECONDS}`.
///
/// `tidings erase` puts it into the queues of the stages `file`. It has no `thread`, so nobody can send it over HTTP. A
/// `file` stage writes it into its archive, for whoever reads the archive later, and drops it.
package enum ErasedLine {
    static let type = "author.erased"
    /// The reason under which it is counted.
    static let reason = "author_erased"

    package static func bytes(author: String, time: Int64) -> [UInt8] {
        JSONObject(members: [
            ("type", .string(type)), ("author", .string(author)), ("time", .int(time)),
        ]).bytes
    }

    static func matches(_ fields: JSONObject) -> Bool {
        fields["type"]?.string == type && fields["thread"] == nil
    }
}
