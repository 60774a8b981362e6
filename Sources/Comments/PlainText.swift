/// Removes control characters from a text, and the characters that change its direction (U+202A to U+202E, U+2066 to
/// U+2069), with which one name or link can be made to look like another.
enum PlainText {
    /// The text with `\n` as its only line end and without white space at both ends. Tabs and line ends stay.
    static func cleaned(_ text: String) -> [UInt8] {
        var text = text
        var clean = text.withUTF8 { cleaned($0, keepingLines: true) }
        let end = clean.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0
        clean.removeSubrange(end...)
        let start = clean.firstIndex { !isSpace($0) } ?? 0
        clean.removeSubrange(..<start)
        return clean
    }

    /// A name without the removed characters, line ends and tabs included; nil when nothing has to be removed.
    static func cleanedName(_ name: String) -> String? {
        var name = name
        return name.withUTF8 { utf8 in
            let clean = cleaned(utf8, keepingLines: false)
            return clean.count == utf8.count ? nil : String(decoding: clean, as: UTF8.self)
        }
    }

    private static func cleaned(_ utf8: UnsafeBufferPointer<UInt8>, keepingLines: Bool) -> [UInt8] {
        var clean: [UInt8] = []
        clean.reserveCapacity(utf8.count)
        var index = 0
        while index < utf8.count {
            let byte = utf8[index]
            if byte >= 0x20, byte < 0x7F {
                clean.append(byte)
                index += 1
                continue
            }
            let (scalar, length) = UTF8Text.scalar(in: utf8, at: index)
            switch scalar.value {
            case 0x0D where keepingLines:
                // CR LF is one line end: the LF that follows stands for it.
                if index + 1 == utf8.count || utf8[index + 1] != 0x0A { clean.append(0x0A) }
            case 0x2028 where keepingLines, 0x2029 where keepingLines: clean.append(0x0A)
            case 0x09 where keepingLines, 0x0A where keepingLines: clean.append(byte)
            case 0x00..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: break
            default: clean.append(contentsOf: utf8[index..<index + length])
            }
            index += length
        }
        return clean
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x09
    }
}

/// Decodes single characters from bytes that are known to be valid UTF-8, as the bytes of a Swift string are.
enum UTF8Text {
    /// The character that begins at `index`, and its length in bytes.
    static func scalar(in utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> (Unicode.Scalar, length: Int) {
        let first = utf8[index]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = UInt32(first) & (0xFF >> UInt32(length + 1))
        for offset in 1..<length where index + offset < utf8.count {
            value = value << 6 | UInt32(utf8[index + offset] & 0x3F)
        }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
    }

    /// The character that ends before `index`; nil at the beginning.
    static func scalar(in utf8: UnsafeBufferPointer<UInt8>, before index: Int) -> (Unicode.Scalar, length: Int)? {
        guard index > 0 else { return nil }
        var start = index - 1
        while start > 0, utf8[start] & 0xC0 == 0x80 { start -= 1 }
        return scalar(in: utf8, at: start)
    }

    /// Whether a character is part of a word: a letter, a digit, a mark on a letter, `_`.
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return isWord(UInt8(truncatingIfNeeded: scalar.value)) }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .nonspacingMark, .spacingMark:
            return true
        default: return false
        }
    }

    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
