/// The `ETag` of a catch-up answer or a file, and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2).
enum EntityTag {
    /// Names the events between two positions; `isEnd`: and that there are no more. Another form of the same has another
    /// tag.
    static func tag(from start: Position, to end: Position, isEnd: Bool, isGzip: Bool) -> String {
        "\"\(start.text)-\(end.text)\(isEnd ? "" : "-part")\(isGzip ? "-gzip" : "")\""
    }

    /// Whether the field's value names the tag. Compared weakly, as the field demands.
    static func matches(_ ifNoneMatch: String, _ tag: String) -> Bool {
        if ifNoneMatch == "*" { return true }
        return ifNoneMatch.utf8.split(separator: 0x2C).contains { part in
            var part = part
            while let first = part.first, first == 0x20 || first == 0x09 { part = part.dropFirst() }
            while let last = part.last, last == 0x20 || last == 0x09 { part = part.dropLast() }
            if part.starts(with: "W/".utf8) { part = part.dropFirst(2) }
            return part.elementsEqual(tag.utf8)
        }
    }
}
