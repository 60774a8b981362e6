import JSON

/// Brings an event into the form that clients get: `text` as `html`, nothing private, no address that could run.
struct CommentFormatter {
    private let keepText: Bool
    private let privateKeys: Set<String>

    init(options: FormatOptions) {
        keepText = options.keepText
        privateKeys = Set(options.privateKeys)
    }

    func format(_ fields: inout JSONObject) {
        scrub(&fields)
        cleanAuthor(&fields)
        // Only this stage makes HTML: what came from outside is not to be trusted.
        let comment = fields["text"]?.string.map(CommentHTML.init)
        fields["html"] = comment.map { .string(String(decoding: $0.html, as: UTF8.self)) }
        if let comment, !comment.mentions.isEmpty, fields["mentions"]?.isNull ?? true {
            fields["mentions"] = .array(comment.mentions.map(JSON.string))
        }
        if !keepText { fields["text"] = nil }
    }

    /// Removes private members and unsafe addresses, at every depth.
    private func scrub(_ object: inout JSONObject) {
        object.retainMembers { key, value in
            if privateKeys.contains(key) { return false }
            switch value {
            case .string(let text): return !SafeURL.isKey(key) || SafeURL.isSafe(text)
            case .array(var elements):
                if SafeURL.isKey(key) {
                    elements.removeAll { $0.string.map { !SafeURL.isSafe($0) } ?? false }
                }
                scrub(&elements)
                value = .array(elements)
            case .object(var inner):
                scrub(&inner)
                value = .object(inner)
            default: break
            }
            return true
        }
    }

    private func scrub(_ elements: inout [JSON]) {
        for index in elements.indices {
            switch elements[index] {
            case .object(var inner):
                scrub(&inner)
                elements[index] = .object(inner)
            case .array(var inner):
                scrub(&inner)
                elements[index] = .array(inner)
            default: break
            }
        }
    }

    private func cleanAuthor(_ fields: inout JSONObject) {
        switch fields["author"] {
        case .object(var author):
            guard let name = author["name"]?.string, let clean = PlainText.cleanedName(name) else { return }
            author["name"] = .string(clean)
            fields["author"] = .object(author)
        case .string(let name):
            if let clean = PlainText.cleanedName(name) { fields["author"] = .string(clean) }
        default: break
        }
    }
}
