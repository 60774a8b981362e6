/// Writes text as HTML in which it is text: in an element's content and in a quoted attribute alike.
enum HTMLEscape {
    static func append(_ text: Slice<UnsafeBufferPointer<UInt8>>, to html: inout [UInt8]) {
        var run = text.startIndex
        for index in text.indices {
            guard let entity = entity(for: text[index]) else { continue }
            append(raw: text[run..<index], to: &html)
            html.append(contentsOf: UnsafeBufferPointer(start: entity.utf8Start, count: entity.utf8CodeUnitCount))
            run = index + 1
        }
        append(raw: text[run...], to: &html)
    }

    private static func append(raw text: Slice<UnsafeBufferPointer<UInt8>>, to html: inout [UInt8]) {
        html.append(contentsOf: UnsafeBufferPointer(rebasing: text))
    }

    private static func entity(for byte: UInt8) -> StaticString? {
        switch byte {
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "\""): "&quot;"
        case UInt8(ascii: "'"): "&#39;"
        default: nil
        }
    }
}
