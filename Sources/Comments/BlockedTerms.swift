/// The blocked words and patterns of a pipeline, ready for the search. One thread at a time.
final class BlockedTerms {
    enum Term: Equatable {
        case word(String)
        case pattern(String)
    }

    private let terms: [Term]
    private let set: PatternSet

    init(words: [String], patterns: [String]) throws(CommentsError) {
        var entries: [(pattern: String, name: String, code: CommentsError.Code)] = []
        for word in words {
            guard let pattern = Self.pattern(forWord: word) else {
                throw CommentsError(.word, "the blocked word \"\(word)\" has no character that can be seen: remove it")
            }
            entries.append((pattern, "blocked word \"\(word)\"", .word))
        }
        for pattern in patterns {
            entries.append((pattern, "blocked pattern \"\(pattern)\"", .pattern))
        }
        terms = words.map(Term.word) + patterns.map(Term.pattern)
        set = try PatternSet(entries)
        if let index = set.firstMatch(in: []), case .pattern(let pattern) = terms[index] {
            throw CommentsError(
                .pattern,
                "the blocked pattern \"\(pattern)\" matches every comment: let it match at least one character")
        }
    }

    /// The first of the terms, words before patterns, that occurs in a folded text.
    func first(in folded: [UInt8]) -> Term? {
        set.firstMatch(in: folded).map { terms[$0] }
    }

    /// The word, quoted, between characters that belong to no word. Where the term itself begins or ends with such a
    /// character, as `$$$` does, anything may stand next to it.
    private static func pattern(forWord word: String) -> String? {
        let folded = TextFolding.folded(word)
        guard let first = folded.first, let last = folded.last else { return nil }
        var quoted: [UInt8] = []
        for byte in folded {
            if byte < 0x80, !UTF8Text.isWord(byte) { quoted.append(UInt8(ascii: "\\")) }
            quoted.append(byte)
        }
        let before = first < 0x80 && !UTF8Text.isWord(first) ? "" : #"(?:^|[^\p{L}\p{N}_])"#
        let after = last < 0x80 && !UTF8Text.isWord(last) ? "" : #"(?:$|[^\p{L}\p{N}_])"#
        return "(?i)" + before + String(decoding: quoted, as: UTF8.self) + after
    }
}
