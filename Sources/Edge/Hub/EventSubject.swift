import Store

/// What an event is about, as far as a ring needs to know: a comment, or the end of a conversation. Pure.
///
/// It is found in the event's text by its members `type`, `thread` and `id`, without a tree of the whole: every event
/// goes through here, once for each channel with readers. The text is valid JSON (``EventText``); where it is not, the
/// event is about nothing.
///
/// Names are compared as they are written. The pipeline writes each event anew before it publishes it, so that equal
/// names have equal bytes. A number and a string of its digits are the same name, as everywhere (``ConversationKey``).
struct EventSubject {
    enum Kind {
        /// A comment as it is now, or that it is gone: created, edited, deleted.
        case comment
        /// No more comments are taken.
        case closing
        /// Comments are taken again.
        case opening
    }

    let kind: Kind
    /// The conversation's name.
    let thread: ArraySlice<UInt8>
    /// The comment's name within its conversation; empty where it is about no comment.
    let id: ArraySlice<UInt8>

    private static let comments = [EventType.created, EventType.edited, EventType.deleted].map { Array($0.utf8) }
    private static let closing = Array(EventType.closed.utf8)
    private static let opening = Array(EventType.opened.utf8)

    /// Nil for an event that is about none of these.
    init?(_ event: [UInt8]) {
        guard let members = EventMembers(event), let thread = members.thread.name else { return nil }
        self.thread = event[thread]
        // As `EventType.of`: without a type that is a string, a comment is created.
        if let type = members.type.text.map({ event[$0] }) {
            if type.elementsEqual(Self.closing) {
                (kind, id) = (.closing, [])
                return
            }
            if type.elementsEqual(Self.opening) {
                (kind, id) = (.opening, [])
                return
            }
            guard Self.comments.contains(where: type.elementsEqual) else { return nil }
        }
        guard let id = members.id.name else { return nil }
        (kind, self.id) = (.comment, event[id])
    }

    /// The same number for all events of one comment, hardly ever for those of two; nil when it is about no comment.
    /// Differs from process to process, so that nobody can choose names with the same number.
    var commentDigest: Int? {
        guard kind == .comment else { return nil }
        var hasher = Hasher()
        hasher.combine(thread.count)
        thread.withUnsafeBytes { hasher.combine(bytes: $0) }
        id.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    /// Whether both events are about the same comment.
    static func isSameComment(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard let left = EventSubject(left), let right = EventSubject(right) else { return false }
        return left.kind == .comment && right.kind == .comment && left.thread == right.thread && left.id == right.id
    }
}

/// Where the members `type`, `thread` and `id` of an event stand in its text. Of duplicates the first counts, as in
/// `JSONObject`.
private struct EventMembers {
    enum Member {
        case type
        case thread
        case id
    }

    /// The value of one member.
    enum Value {
        case missing
        /// The text between the quotes.
        case string(Range<Int>)
        case wholeNumber(Range<Int>)
        case other

        /// The text of a string.
        var text: Range<Int>? {
            if case .string(let range) = self { range } else { nil }
        }

        /// The text of a string or of a whole number.
        var name: Range<Int>? {
            switch self {
            case .string(let range), .wholeNumber(let range): range
            case .missing, .other: nil
            }
        }
    }

    private(set) var type = Value.missing
    private(set) var thread = Value.missing
    private(set) var id = Value.missing

    private static let quote = UInt8(ascii: "\"")

    /// Reads no further than to the last of the three. Nil when the text is no object, or ends too early.
    init?(_ event: [UInt8]) {
        let text = event.span
        var index = 0
        var depth = 0
        var awaitsKey = false
        // The member of the object itself whose value follows.
        var member: Member?
        while index < text.count {
            switch text[index] {
            case Self.quote:
                let start = index + 1
                guard let end = Self.endOfString(text, from: start) else { return nil }
                if depth == 1 {
                    if awaitsKey {
                        member = Self.member(event[start..<end])
                        awaitsKey = false
                    } else {
                        set(&member, .string(start..<end))
                        if isComplete { return }
                    }
                }
                index = end
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if depth == 0, text[index] != UInt8(ascii: "{") { return nil }
                set(&member, .other)
                depth += 1
                awaitsKey = depth == 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth <= 0 { return }
            case UInt8(ascii: ","):
                awaitsKey = depth == 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard member != nil else { break }
                let start = index
                while index + 1 < text.count, Self.isDigit(text[index + 1]) { index += 1 }
                let isWhole = index + 1 < text.count && !Self.isFraction(text[index + 1])
                set(&member, isWhole ? .wholeNumber(start..<index + 1) : .other)
                if isComplete { return }
            case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
                set(&member, .other)
            default: break
            }
            index += 1
        }
        return nil
    }

    private var isComplete: Bool {
        switch (type, thread, id) {
        case (.missing, _, _), (_, .missing, _), (_, _, .missing): false
        default: true
        }
    }

    private mutating func set(_ member: inout Member?, _ value: Value) {
        switch member {
        case .type: if case .missing = type { type = value }
        case .thread: if case .missing = thread { thread = value }
        case .id: if case .missing = id { id = value }
        case nil: return
        }
        member = nil
    }

    private static func member(_ key: ArraySlice<UInt8>) -> Member? {
        switch key.count {
        case 2 where key.elementsEqual("id".utf8): .id
        case 4 where key.elementsEqual("type".utf8): .type
        case 6 where key.elementsEqual("thread".utf8): .thread
        default: nil
        }
    }

    /// The index of the quote that ends the string whose text begins there.
    private static func endOfString(_ text: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < text.count {
            if text[index] == quote { return index }
            index += text[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isFraction(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
    }
}
