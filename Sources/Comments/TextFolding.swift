/// Normalises a text before it is searched for blocked words and patterns, so that look-alikes match.
///
/// - Invisible characters are removed: zero-width ones, soft hyphens, marks of direction, variation selectors.
/// - Full-width and mathematical letters and digits become ASCII.
/// - Every run of white space, line ends included, becomes one space; none stays at either end.
///
/// Case is kept: the patterns say whether it counts.
enum TextFolding {
    static func folded(_ text: String) -> [UInt8] {
        var folded: [UInt8] = []
        folded.reserveCapacity(text.utf8.count)
        var isSpaceDue = false
        var text = text
        text.withUTF8 { utf8 in
            var index = 0
            while index < utf8.count {
                let byte = utf8[index]
                if byte > 0x20, byte < 0x7F {
                    if isSpaceDue { folded.append(0x20) }
                    isSpaceDue = false
                    folded.append(byte)
                    index += 1
                    continue
                }
                let (scalar, length) = UTF8Text.scalar(in: utf8, at: index)
                index += length
                switch fold(scalar) {
                case .nothing: break
                case .space: isSpaceDue = !folded.isEmpty
                case .character(let scalar):
                    if isSpaceDue { folded.append(0x20) }
                    isSpaceDue = false
                    folded.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                }
            }
        }
        return folded
    }

    /// Whether a text has only white space and invisible characters.
    static func isBlank(_ text: String) -> Bool {
        for scalar in text.unicodeScalars {
            if case .character = fold(scalar) { return false }
        }
        return true
    }

    private enum Folded {
        case nothing
        case space
        case character(Unicode.Scalar)
    }

    private static func fold(_ scalar: Unicode.Scalar) -> Folded {
        switch scalar.value {
        case 0x21...0x7E: .character(scalar)
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: .space
        case 0x00...0x1F, 0x7F...0x9F: .nothing
        case 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180E, 0x200B...0x200F: .nothing
        case 0x202A...0x202E, 0x2060...0x206F, 0x3164, 0xFE00...0xFE0F, 0xFEFF, 0xFFA0, 0xE0000...0xE0FFF: .nothing
        case 0xFF01...0xFF5E: ascii(scalar.value - 0xFEE0)
        // Mathematical Alphanumeric Symbols: thirteen alphabets of 52 letters, then five rows of ten digits.
        case 0x1D400...0x1D6A3: ascii(letter((scalar.value - 0x1D400) % 52))
        case 0x1D7CE...0x1D7FF: ascii(0x30 + (scalar.value - 0x1D7CE) % 10)
        default: .character(scalar)
        }
    }

    private static func letter(_ index: UInt32) -> UInt32 {
        index < 26 ? 0x41 + index : 0x61 + index - 26
    }

    private static func ascii(_ value: UInt32) -> Folded {
        .character(Unicode.Scalar(UInt8(truncatingIfNeeded: value)))
    }
}
