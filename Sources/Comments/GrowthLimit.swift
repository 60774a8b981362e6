import JSON

/// Bounds how much longer than itself an event may become by being formatted. Pure.
///
/// What is published is stored once for each channel, so what formatting adds is multiplied. Escaping makes `&` five
/// times as long, and nothing else that a sender can write more. The event is measured in its shortest form, since a
/// sender who writes `\u0061` for `a` has sent more bytes, not more text.
struct GrowthLimit {
    /// What any event may grow by: links, mentions and the names of the mentioned in an ordinary comment.
    static let free = 2048

    /// The largest published form, in percent of the event, besides ``free``.
    let percent: Int
    /// Whether `text` is published as well, and so may be added.
    let keepsText: Bool

    /// Why an event cannot be published; nil when it can.
    ///
    /// - Parameters:
    ///   - before: the event as it came to the stage.
    ///   - after: the same, formatted.
    func problem(before: JSONObject, after: JSONObject) -> String? {
        let bytes = after.byteCount
        if bytes <= Self.free { return nil }
        let given = before.leastByteCount
        var most = given * percent / 100 + Self.free
        if keepsText, let text = after["text"] { most += JSONObject(members: [("", text)]).byteCount }
        guard bytes > most else { return nil }
        return "the event of \(given) bytes would have \(bytes) when it is published, at most \(most) are allowed: "
            + "each <, > and & takes several; send fewer of them"
    }
}
