import JSON

/// What a stranger's comment may say about its author: a name and two addresses. Everything else, such as a role that a page
/// shows as a badge, is the web app's to say.
struct PostedAuthor: Equatable {
    /// Verified; nil: anonymous.
    var id: String?
    var name: String?
    private var url: String?
    private var avatar: String?

    private static let maxNameBytes = 256
    private static let maxAddressBytes = 2048

    /// Reads `author`: an object, or a name alone. What cannot be kept is left out.
    ///
    /// - Throws: ``PostRefusal/author(_:)`` for a name that is too long: its writer has to choose another.
    init(_ value: JSON?) throws(PostRefusal) {
        let given = value?["name"]?.string ?? value?.string
        if let given, !given.isEmpty {
            guard given.utf8.count <= PostedAuthor.maxNameBytes else {
                throw .author(
                    "`author.name` has \(given.utf8.count) bytes: at most \(PostedAuthor.maxNameBytes) are taken")
            }
            name = given
        }
        url = PostedAuthor.address(value?["url"])
        avatar = PostedAuthor.address(value?["avatar"])
    }

    /// The member `author`; nil when nothing is known.
    var json: JSON? {
        let members = [("id", id), ("name", name), ("url", url), ("avatar", avatar)]
        let known = members.compactMap { member in member.1.map { (key: member.0, value: JSON.string($0)) } }
        return known.isEmpty ? nil : .object(JSONObject(members: known))
    }

    /// Whether a text of a token can be shown as a name. The stage `format` cleans what comes from others.
    static func isName(_ text: String) -> Bool {
        (1...maxNameBytes).contains(text.utf8.count) && !text.unicodeScalars.contains(where: isControl)
    }

    /// C0 and C1 controls, and DEL.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    /// An address that nothing but a web page can be behind; nil for any other.
    private static func address(_ value: JSON?) -> String? {
        guard let text = value?.string, text.utf8.count <= maxAddressBytes else { return nil }
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https", text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            return nil
        }
        return text
    }
}
