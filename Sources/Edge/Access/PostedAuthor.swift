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

    /// Reads `author`: an object, or a name alone.
    ///
    /// - Throws: ``PostRefusal/author(_:)`` for a name or an address that cannot be kept.
    init(_ value: JSON?) throws(PostRefusal) {
        switch value {
        case nil, .some(.null): return
        case .string(let text): name = try PostedAuthor.checked(name: text)
        case .object(let members):
            switch members["name"] {
            case nil, .some(.null): break
            case .string(let text): name = try PostedAuthor.checked(name: text)
            default: throw .author("`author.name` is no string")
            }
            url = try PostedAuthor.address(members["url"], "url")
            avatar = try PostedAuthor.address(members["avatar"], "avatar")
        default: throw .author("`author` is neither an object such as {\"name\":\"Ann\"} nor a name")
        }
    }

    /// The member `author`; nil when nothing is known.
    var json: JSON? {
        let members = [("id", id), ("name", name), ("url", url), ("avatar", avatar)]
        let known = members.compactMap { member in member.1.map { (key: member.0, value: JSON.string($0)) } }
        return known.isEmpty ? nil : .object(JSONObject(members: known))
    }

    /// Whether a text can be shown as a name.
    static func isName(_ text: String) -> Bool {
        (1...maxNameBytes).contains(text.utf8.count) && !text.unicodeScalars.contains(where: isControl)
    }

    /// C0 and C1 controls, and DEL.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    private static func checked(name: String) throws(PostRefusal) -> String? {
        if name.isEmpty { return nil }
        guard isName(name) else {
            throw .author("`author.name` has at most \(maxNameBytes) bytes and no control characters")
        }
        return name
    }

    private static func address(_ value: JSON?, _ member: String) throws(PostRefusal) -> String? {
        switch value {
        case nil, .some(.null), .some(.string("")): return nil
        case .string(let text):
            let scheme = text.prefix { $0 != ":" }.lowercased()
            guard text.utf8.count <= maxAddressBytes, scheme == "http" || scheme == "https",
                text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
            else { throw .author("`author.\(member)` is an http or https address of at most \(maxAddressBytes) bytes") }
            return text
        default: throw .author("`author.\(member)` is no string")
        }
    }
}
