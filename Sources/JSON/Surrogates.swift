import Glibc

/// Halves of surrogate pairs in `\u` escapes. A program that cuts a string by UTF-16 units, as JavaScript does, leaves
/// them behind; RFC 8259 section 8.2 leaves open what they mean. simdjson refuses the first half alone and lets the
/// second through as bytes that are no UTF-8, so both are mended before it sees them.
enum Surrogates {
    /// The document with each lone half written as `\ufffd`, which is as long; nil when there is none, nearly always.
    static func repaired(_ document: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let start = document.baseAddress else { return nil }
        var repaired: [UInt8]?
        var index = 0
        while let found = memchr(start + index, 0x5C, document.count - index) {
            index = UnsafeRawPointer(found) - start
            guard let unit = escape(document, at: index) else {
                index += 2
                if index >= document.count { break }
                continue
            }
            let isFirstHalf = unit & 0xFC00 == 0xD800
            if isFirstHalf, let second = escape(document, at: index + 6), second & 0xFC00 == 0xDC00 {
                index += 12
            } else {
                if unit & 0xF800 == 0xD800 {
                    if repaired == nil { repaired = [UInt8](document) }
                    repaired?.replaceSubrange(index + 2..<index + 6, with: "fffd".utf8)
                }
                index += 6
            }
            if index >= document.count { break }
        }
        return repaired
    }

    /// The code unit of the escape `\uXXXX` that begins at `index`; nil when none does.
    private static func escape(_ document: UnsafeRawBufferPointer, at index: Int) -> UInt16? {
        guard index + 6 <= document.count, document[index] == UInt8(ascii: "\\"),
            document[index + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for byte in document[index + 2..<index + 6] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte &- UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte &- UInt8(ascii: "a") &+ 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte &- UInt8(ascii: "A") &+ 10
            default: return nil
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
