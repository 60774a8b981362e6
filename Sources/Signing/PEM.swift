/// One block of a text in PEM form (RFC 7468): a label, and bytes in base64 between two lines.
struct PEM: Equatable {
    let label: String
    let bytes: [UInt8]

    /// The blocks of a text, in order. What stands between them says nothing. Nil when a block is not well formed: no end,
    /// the end of another, no base64, no bytes.
    static func blocks(in text: String) -> [PEM]? {
        var blocks: [PEM] = []
        var begun: (label: Substring, base64: [UInt8])?
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmed
            if let label = line.label(of: "BEGIN") {
                guard begun == nil else { return nil }
                begun = (label, [])
            } else if let label = line.label(of: "END") {
                guard let block = begun, block.label == label, let bytes = Base64.decode(block.base64), !bytes.isEmpty
                else { return nil }
                blocks.append(PEM(label: String(label), bytes: bytes))
                begun = nil
            } else {
                begun?.base64.append(contentsOf: line.utf8)
            }
        }
        return begun == nil ? blocks : nil
    }

    /// The block as a text, with lines of 64 characters.
    var text: String {
        var lines = ["-----BEGIN \(label)-----"]
        var rest = Base64.encode(bytes)[...]
        while !rest.isEmpty {
            lines.append(String(rest.prefix(64)))
            rest = rest.dropFirst(64)
        }
        lines.append("-----END \(label)-----")
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    /// `EC PRIVATE KEY` of `-----BEGIN EC PRIVATE KEY-----`; nil for any other line.
    fileprivate func label(of mark: String) -> Substring? {
        let start = "-----\(mark) "
        let end = "-----"
        guard hasPrefix(start), hasSuffix(end), count >= start.count + end.count else { return nil }
        return dropFirst(start.count).dropLast(end.count)
    }
}
