/// Turns a comment's text into the HTML that readers see, in one pass over its bytes.
///
/// The text is cut into links, mentions, line ends and plain text, and each piece is escaped on its own: generated HTML
/// is never parsed again. The only markup that can result is `<a href="http…" rel="nofollow ugc noopener"
/// target="_blank">`, `<span class="mention">` and `<br>`.
///
/// Links and mentions may add 1 KiB and an eighth of the text together; those beyond stay text. So no text becomes many
/// times as long by being full of them.
struct CommentHTML {
    private static let maxMentions = 10
    /// What links and mentions may add, and an eighth of the text.
    private static let markupBytes = 1024

    /// The HTML, UTF-8.
    private(set) var html: [UInt8] = []
    /// The first ten names that the text mentions, each once.
    private(set) var mentions: [String] = []
    /// What links and mentions may still add.
    private var markupLeft: Int
    private var hasMarkup = false

    init(_ text: String) {
        let clean = PlainText.cleaned(text)
        markupLeft = Self.markupBytes + clean.count / 8
        html.reserveCapacity(clean.count + clean.count / 8)
        clean.withUnsafeBufferPointer { render($0) }
    }

    private mutating func render(_ text: UnsafeBufferPointer<UInt8>) {
        var plain = 0
        var index = 0
        while index < text.count {
            let start = index
            switch text[index] {
            case UInt8(ascii: "\n"):
                flush(text, plain..<start)
                index = appendLineBreaks(text, from: index)
            case UInt8(ascii: "@"):
                guard let name = MentionFinder.name(in: text, at: index) else {
                    index += 1
                    continue
                }
                flush(text, plain..<start)
                appendMention(text[name])
                index = name.upperBound
            case UInt8(ascii: "h"), UInt8(ascii: "H"), UInt8(ascii: "w"), UInt8(ascii: "W"):
                switch LinkFinder.find(in: text, at: index) {
                case .nothing:
                    index += 1
                    continue
                case .text(let end):
                    index = end
                    continue
                case .link(let range, let needsScheme):
                    flush(text, plain..<start)
                    appendLink(text[range], needsScheme: needsScheme)
                    index = range.upperBound
                }
            default:
                index += 1
                continue
            }
            plain = index
        }
        flush(text, plain..<text.count)
    }

    private mutating func flush(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        if !range.isEmpty { HTMLEscape.append(text[range], to: &html) }
    }

    /// Appends one `<br>` for a single line end, two for more, blank lines included. Returns the index after them.
    private mutating func appendLineBreaks(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var lines = 0
        var end = start
        var index = start
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\n"):
                lines += 1
                end = index + 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"): break
            default:
                index = text.count
                continue
            }
            index += 1
        }
        append(lines > 1 ? "<br><br>" : "<br>")
        return end
    }

    private mutating func appendMention(_ name: Slice<UnsafeBufferPointer<UInt8>>) {
        if takeMarkup(Self.mentionStart.utf8CodeUnitCount + Self.mentionEnd.utf8CodeUnitCount - 1) {
            append(Self.mentionStart)
            HTMLEscape.append(name, to: &html)
            append(Self.mentionEnd)
        } else {
            html.append(UInt8(ascii: "@"))
            HTMLEscape.append(name, to: &html)
        }
        guard mentions.count < Self.maxMentions else { return }
        let name = String(decoding: name, as: UTF8.self)
        if !mentions.contains(name) { mentions.append(name) }
    }

    private mutating func appendLink(_ link: Slice<UnsafeBufferPointer<UInt8>>, needsScheme: Bool) {
        let isMarked = takeMarkup(Self.linkMarkup + link.count)
        if isMarked {
            append("<a href=\"")
            if needsScheme { append("http://") }
            HTMLEscape.append(link, quoted: true, to: &html)
            append(Self.linkMiddle)
        }
        HTMLEscape.append(link, to: &html)
        if isMarked { append("</a>") }
    }

    private static let mentionStart: StaticString = "<span class=\"mention\">@"
    private static let mentionEnd: StaticString = "</span>"
    private static let linkMiddle: StaticString = "\" rel=\"nofollow ugc noopener\" target=\"_blank\">"
    /// What a link adds besides its address.
    private static let linkMarkup = 20 + linkMiddle.utf8CodeUnitCount

    /// Whether markup of so many bytes may be added. The first one always may: a link can be long.
    private mutating func takeMarkup(_ bytes: Int) -> Bool {
        guard markupLeft >= bytes || !hasMarkup else { return false }
        markupLeft -= bytes
        hasMarkup = true
        return true
    }

    private mutating func append(_ markup: StaticString) {
        html.append(contentsOf: UnsafeBufferPointer(start: markup.utf8Start, count: markup.utf8CodeUnitCount))
    }
}

/// Finds mentions in plain text: `@` and a name of letters, digits, `_`, `-` and `.`.
enum MentionFinder {
    private static let maxBytes = 64

    /// The range of the name after the `@` at `index`; nil when this is no mention, as in an e-mail address.
    static func name(in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Range<Int>? {
        if let (before, _) = UTF8Text.scalar(in: text, before: index) {
            switch before {
            case "@", "/", "-", "+", ".", "=": return nil
            default: if UTF8Text.isWord(before) { return nil }
            }
        }
        let start = index + 1
        var end = start
        while end < text.count {
            let (scalar, length) = UTF8Text.scalar(in: text, at: end)
            guard UTF8Text.isWord(scalar) || scalar == "-" || scalar == "." else { break }
            end += length
            if end - start > maxBytes { return nil }
        }
        // A full stop that ends a sentence is not part of the name; `@.` and `@-` are no mentions.
        while end > start, text[end - 1] == UInt8(ascii: ".") || text[end - 1] == UInt8(ascii: "-") { end -= 1 }
        guard end > start, text[start] != UInt8(ascii: "."), text[start] != UInt8(ascii: "-") else { return nil }
        return start..<end
    }
}

/// Escapes text for HTML: `&`, `<` and `>`, and quotes inside an attribute that stands in double quotes. Source: HTML
/// standard, 13.1.2.3 and 13.1.4.
enum HTMLEscape {
    /// - Parameter quoted: whether the text is an attribute's value.
    static func append(_ text: Slice<UnsafeBufferPointer<UInt8>>, quoted: Bool = false, to html: inout [UInt8]) {
        var run = text.startIndex
        for index in text.indices {
            guard let entity = entity(for: text[index], quoted: quoted) else { continue }
            append(raw: text[run..<index], to: &html)
            html.append(contentsOf: UnsafeBufferPointer(start: entity.utf8Start, count: entity.utf8CodeUnitCount))
            run = index + 1
        }
        append(raw: text[run...], to: &html)
    }

    private static func append(raw text: Slice<UnsafeBufferPointer<UInt8>>, to html: inout [UInt8]) {
        html.append(contentsOf: UnsafeBufferPointer(rebasing: text))
    }

    private static func entity(for byte: UInt8, quoted: Bool) -> StaticString? {
        switch byte {
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "\"") where quoted: "&quot;"
        case UInt8(ascii: "'") where quoted: "&#39;"
        default: nil
        }
    }
}
