import Glibc

/// Events as a busy site has them, from a seed: the same seed gives the same events on every machine.
///
/// - Few threads and few authors have most of the comments (``ZipfLaw``).
/// - The lengths of texts are log-normal: half have under 110 characters, one in a hundred over 1,000.
/// - A third answer another comment of their thread; some mention somebody, hold a link or several lines.
/// - Of all events three in a hundred edit an earlier comment and two delete one, mostly one of the last few.
package struct LifeComments: CommentSource {
    /// What an event does.
    package enum Kind: String, CaseIterable {
        case created, edited, deleted
    }

    /// A comment that may still be edited, deleted or answered.
    private struct Comment {
        let number: Int
        let thread: Int
        let author: Int
    }

    private var generator: SeededGenerator
    private let words: LifeWords
    private var index = 0
    /// The comments that live, the newest last.
    private var recent: [Comment] = []
    /// The newest comment of each thread.
    private var newest: [Int: Int] = [:]

    static let threads = ZipfLaw(2000, exponent: 1)
    static let authors = ZipfLaw(20_000, exponent: 0.8)
    static let edits = 0.03
    static let deletions = 0.02
    private static let answers = 0.33
    /// Comments that are older than so many are left alone.
    private static let remembered = 2000

    package init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        words = LifeWords(authors: LifeComments.authors.count, seed: seed)
    }

    package mutating func next() -> LoadComment {
        defer { index += 1 }
        let choice = generator.unit()
        if choice < Self.edits, let place = earlier() { return edit(recent[place]) }
        if choice >= Self.edits, choice < Self.edits + Self.deletions, let place = earlier() {
            return delete(recent.remove(at: place))
        }
        return create()
    }

    private mutating func create() -> LoadComment {
        let comment = Comment(
            number: index, thread: Self.threads.rank(at: generator.unit()),
            author: Self.authors.rank(at: generator.unit()))
        var parent = ""
        if generator.unit() < Self.answers, let answered = newest[comment.thread] {
            parent = "\"parent\":\"c-\(answered)\","
        }
        newest[comment.thread] = comment.number
        recent.append(comment)
        if recent.count > 2 * Self.remembered { recent.removeFirst(Self.remembered) }
        return event(.created, comment, parent + written(by: comment.author))
    }

    private mutating func edit(_ comment: Comment) -> LoadComment {
        event(.edited, comment, written(by: comment.author))
    }

    private mutating func delete(_ comment: Comment) -> LoadComment {
        if newest[comment.thread] == comment.number { newest[comment.thread] = nil }
        return event(.deleted, comment, "")
    }

    /// The place of a living comment, rather a new one than an old one.
    private mutating func earlier() -> Int? {
        guard !recent.isEmpty else { return nil }
        let chance = generator.unit()
        let back = chance * chance * chance * Double(min(recent.count, Self.remembered))
        return recent.count - 1 - Int(back)
    }

    private mutating func written(by author: Int) -> String {
        let seconds = index % 86_400
        let time = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return """
            "author":{"id":\(author),"name":"\(words.names[author])","email":"a\(author)@example.org"},\
            "text":"\(words.text(using: &generator))","created_at":"2026-03-01T\(time.joined(separator: ":"))Z",\
            "ip":"198.51.\(author / 256 % 256).\(author % 256)",
            """
    }

    private func event(_ kind: Kind, _ comment: Comment, _ members: String) -> LoadComment {
        let thread = "article-\(comment.thread)"
        let event = """
            {"event_id":"\(index)","id":"c-\(comment.number)","type":"comment.\(kind.rawValue)","thread":"\(thread)",\
            \(members)"forum":"section-\(comment.thread % 7)"}
            """
        return LoadComment(thread: thread, eventID: String(index), bytes: Array(event.utf8))
    }
}

/// Names and texts with the lengths that people give them.
struct LifeWords {
    /// The name of each author: 3 to 24 characters, in the middle 9.
    let names: [String]

    private static let syllables = [
        "an", "be", "chi", "da", "el", "fro", "ga", "hel", "is", "jo", "ka", "lu", "mar", "ni", "or", "pe", "qui", "ro",
        "sta", "ti", "ul", "ver", "wa", "xa", "yu", "zo", "é", "ö", "ñ", "ł",
    ]
    private static let words = [
        "the", "to", "and", "a", "of", "is", "that", "it", "in", "you", "I", "for", "not", "this", "are", "be", "have",
        "they", "on", "with", "but", "as", "what", "if", "people", "just", "like", "would", "about", "more", "think",
        "there", "know", "because", "really", "should", "article", "years", "something", "government", "agree",
        "understand", "everything", "interesting", "comment", "probably", "naïve", "café", "😀", "…", "(again)", "2,000",
    ]
    private static let frequency = ZipfLaw(words.count, exponent: 1)
    /// Of the logarithm of a text's length: its mean, that of 110 characters, and its spread.
    private static let length = (mean: 4.7, spread: 1.0)
    private static let lengths = 2...5000

    init(authors: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed ^ 0x6E61_6D65)
        names = (0..<authors).map { _ in LifeWords.name(using: &generator) }
    }

    private static func name(using generator: inout SeededGenerator) -> String {
        let wanted = min(22, max(3, Int((9 + 3.5 * generator.normal()).rounded())))
        var name = ""
        while name.count < wanted {
            let syllable = syllables[Int(generator.unit() * Double(syllables.count))]
            // First name and family name, or one word.
            if wanted > 10, name.count > wanted / 2 - 2, !name.contains(" ") { name += " " }
            name += syllable
        }
        if generator.unit() < 0.3 { name += String(Int(generator.unit() * 100)) }
        return String(name.prefix(24))
    }

    /// A text as it stands in JSON.
    func text(using generator: inout SeededGenerator) -> String {
        let drawn = exp(Self.length.mean + Self.length.spread * generator.normal())
        let wanted = min(Self.lengths.upperBound, max(Self.lengths.lowerBound, Int(drawn)))
        var text = ""
        if generator.unit() < 0.08 { text += "@\(names[LifeComments.authors.rank(at: generator.unit())]) " }
        let isLong = wanted > 300
        var count = text.utf8.count
        while count < wanted {
            let word = Self.words[Self.frequency.rank(at: generator.unit())]
            text += word
            count += word.utf8.count + 1
            text += isLong && generator.unit() < 0.02 ? ".\\n" : " "
        }
        text += generator.unit() < 0.04 ? "https://example.org/news/\(Int(generator.unit() * 1e6))" : "."
        return text
    }
}
