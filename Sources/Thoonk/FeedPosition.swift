/// A place in a sorted feed.
public enum FeedPosition: Sendable, Equatable {
    case first
    case last
    /// Right before the item with this id.
    case before(String)
    /// Right after the item with this id.
    case after(String)

    /// Reads an announced position: `begin:`, `:end`, `:OTHER`, `OTHER:`. Nil for anything else.
    init?(announced text: String) {
        switch text {
        case "begin:": self = .first
        case ":end": self = .last
        case _ where text.utf8.first == UInt8(ascii: ":"): self = .before(String(text.dropFirst()))
        case _ where text.utf8.last == UInt8(ascii: ":"): self = .after(String(text.dropLast()))
        default: return nil
        }
    }

    /// As the functions take it.
    var words: (place: String, other: String) {
        switch self {
        case .first: ("first", "")
        case .last: ("last", "")
        case .before(let other): ("before", other)
        case .after(let other): ("after", other)
        }
    }
}
