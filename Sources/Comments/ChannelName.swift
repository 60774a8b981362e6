import JSON

/// The rules for the names of channels and for the values they are built from. Contract: docs/contract.md.
public enum ChannelName {
    public static let maxBytes = 256
    /// The longest value that becomes part of a channel's name: `thread`, `forum`, `id`, the author's id.
    public static let maxPartBytes = 200

    /// Whether a name has 1 to 256 bytes, no control characters and no braces. Keys hold the channel in braces, as the
    /// hash tag by which Redis Cluster chooses the node.
    public static func isValid(_ name: String) -> Bool {
        let count = name.utf8.count
        return count > 0 && count <= maxBytes && problem(in: name) == nil
    }

    /// Whether a list contains a name, compared byte by byte: two encodings of an é are two channels.
    static func contains(_ names: [String], _ name: String) -> Bool {
        names.contains { $0.utf8.elementsEqual(name.utf8) }
    }

    /// The rule that a value breaks, as the end of a sentence that begins with the field's name; nil when it is valid.
    package static func problem(ofPart part: String) -> String? {
        let count = part.utf8.count
        if count == 0 { return "is empty: give 1 to \(maxPartBytes) bytes" }
        if count > maxPartBytes { return "has \(count) bytes: give 1 to \(maxPartBytes)" }
        if let problem = problem(in: part) { return problem }
        if part.first?.isWhitespace == true || part.last?.isWhitespace == true {
            return "begins or ends with white space: send it without"
        }
        return nil
    }

    /// A string as it is, a whole number in decimal digits; nil for every other value.
    static func part(_ value: JSON?) -> String? {
        switch value {
        case .string(let text): text
        case .int(let number): String(number)
        case .uint(let number): String(number)
        default: nil
        }
    }

    private static func problem(in name: String) -> String? {
        var before: UInt8 = 0
        for byte in name.utf8 {
            // C1 controls, U+0080 to U+009F, are C2 80 to C2 9F.
            if byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0) {
                return "has a control character: send it without"
            }
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") { return "has a brace: send it without { and }" }
            before = byte
        }
        return nil
    }
}
