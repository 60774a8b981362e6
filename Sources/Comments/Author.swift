import JSON

/// Who wrote an event: `author` as an object with `id` and `name`, or as a name alone.
struct Author {
    /// The longest name or id that is looked up, in bytes.
    static let maxBytes = 200

    let id: String?
    let name: String?

    init(of fields: JSONObject) {
        switch fields["author"] {
        case .object(let author):
            id = ChannelName.part(author["id"])
            name = author["name"]?.string
        case .string(let text):
            id = nil
            name = text
        default:
            id = nil
            name = nil
        }
    }

    /// What an operator may have put into the set of banned authors.
    var labels: [String] {
        [id, name].compactMap { label in
            label.flatMap { $0.isEmpty || $0.utf8.count > Self.maxBytes ? nil : $0 }
        }
    }

    /// What the author's comments are counted under: the id, else the name. Cut, so that nobody fills memory with it.
    var account: String? {
        guard let label = id ?? name, !label.isEmpty else { return nil }
        return label.utf8.count <= Self.maxBytes
            ? label : String(decoding: label.utf8.prefix(Self.maxBytes), as: UTF8.self)
    }
}
