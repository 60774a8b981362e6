internal import CRE2

/// Searches a text for any of many words in one pass: whole words, ignoring case. Not thread-safe.
///
/// All words become one pattern, `(?:before(word|word|…)after)`, so that thousands cost little more than one. `before`
/// and `after` match the ends of the text and characters that are part of no word in any script (RE2's `\b` knows only
/// ASCII). A word that begins or ends with such a character itself, as `$$$` does, needs no boundary on that side:
/// there are up to four alternatives.
final class BlockedWords {
    private static let before = #"(?:^|[^\p{L}\p{N}_])"#
    private static let after = #"(?:$|[^\p{L}\p{N}_])"#

    /// Owned here: made in `init`, freed in `deinit`, never handed out. Nil when there are no words.
    private let handle: OpaquePointer?

    init(_ words: [String]) throws(CommentsError) {
        var groups: [String: [String]] = [:]
        for word in words {
            let folded = TextFolding.folded(word)
            guard let first = folded.first, let last = folded.last else {
                throw CommentsError(.word, "the blocked word \"\(word)\" has no character that can be seen: remove it")
            }
            let before = Self.isWord(first) ? Self.before : ""
            let after = Self.isWord(last) ? Self.after : ""
            groups["\(before)(%)\(after)", default: []].append(Self.quoted(folded))
        }
        guard !groups.isEmpty else {
            handle = nil
            return
        }
        let alternatives = groups.sorted { $0.key < $1.key }.map { frame, words in
            let parts = frame.split(separator: "%", maxSplits: 1)
            return parts[0] + words.joined(separator: "|") + parts[1]
        }
        let (made, reason) = PatternMemory.compile("(?i)" + alternatives.joined(separator: "|")) {
            start, length, reason in
            cre2_regex_create(start, length, PatternMemory.maxBytes, reason.baseAddress, reason.count)
        }
        guard let made else {
            throw CommentsError(.word, "the blocked words are too many: use fewer (\(reason.prefix(80)))")
        }
        handle = made
    }

    deinit {
        if let handle { cre2_regex_destroy(handle) }
    }

    /// The first blocked word in a folded text, spelled as in the text; nil when there is none.
    func first(in folded: [UInt8]) -> String? {
        guard let handle else { return nil }
        var start = 0
        var end = 0
        let isFound = folded.withUnsafeBytes {
            cre2_regex_find(
                handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, &start, &end) != 0
        }
        return isFound ? String(decoding: folded[start..<end], as: UTF8.self) : nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || UTF8Text.isWord(byte)
    }

    private static func quoted(_ word: [UInt8]) -> String {
        var quoted: [UInt8] = []
        for byte in word {
            if !isWord(byte) { quoted.append(UInt8(ascii: "\\")) }
            quoted.append(byte)
        }
        return String(decoding: quoted, as: UTF8.self)
    }
}

/// Searches a text for any of many patterns in RE2's syntax in one pass. Not thread-safe.
///
/// RE2 takes time linear in the text for every pattern, so no comment can stall a lane.
final class BlockedPatterns {
    private let patterns: [String]
    /// Owned here: made in `init`, freed in `deinit`, never handed out.
    private let handle: OpaquePointer

    init(_ patterns: [String]) throws(CommentsError) {
        guard let handle = cre2_set_create(PatternMemory.maxBytes) else { preconditionFailure("out of memory") }
        self.patterns = patterns
        self.handle = handle
        for pattern in patterns {
            let (index, reason) = PatternMemory.compile(pattern) { start, length, reason in
                cre2_set_add(handle, start, length, reason.baseAddress, reason.count)
            }
            guard index >= 0 else {
                throw CommentsError(.pattern, "the blocked pattern \"\(pattern)\" cannot be used: \(reason)")
            }
        }
        guard patterns.isEmpty || cre2_set_compile(handle) != 0 else {
            throw CommentsError(.pattern, "the blocked patterns are too many or too large: use fewer")
        }
        if let pattern = first(in: []) {
            throw CommentsError(
                .pattern,
                "the blocked pattern \"\(pattern)\" matches every comment: let it match at least one character")
        }
    }

    deinit {
        cre2_set_destroy(handle)
    }

    /// The first pattern that matches somewhere in a folded text; nil when none does.
    func first(in folded: [UInt8]) -> String? {
        guard !patterns.isEmpty else { return nil }
        let index = folded.withUnsafeBytes {
            cre2_set_find(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return index < 0 ? nil : patterns[Int(index)]
    }
}

/// The memory limit of compiled patterns, and the call that compiles one.
enum PatternMemory {
    /// For one compiled pattern and the tables of its search, in bytes. Only thousands of words need that much, or
    /// patterns and texts that were made to.
    static let maxBytes: Int64 = 64 << 20

    /// Calls `body` with a pattern's bytes and a buffer for RE2's error message. Returns its result and the message,
    /// which is empty when the pattern compiles.
    static func compile<Compiled>(
        _ pattern: String,
        _ body: (_ pattern: UnsafePointer<CChar>?, _ length: Int, _ reason: UnsafeMutableBufferPointer<CChar>) ->
            Compiled
    ) -> (Compiled, reason: String) {
        var pattern = pattern
        return pattern.withUTF8 { utf8 in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { reason in
                reason.initialize(repeating: 0)
                let start = UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
                let compiled = body(start, utf8.count, reason)
                return (compiled, reason.baseAddress.map { String(cString: $0) } ?? "")
            }
        }
    }
}
