internal import CRE2

/// Patterns in RE2's syntax that are searched for at once. One thread at a time.
///
/// RE2 takes time linear in the text for every pattern, so that no comment can stall a lane.
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

    /// The first of the patterns that matches somewhere in a folded text.
    func first(in folded: [UInt8]) -> String? {
        guard !patterns.isEmpty else { return nil }
        let index = folded.withUnsafeBytes {
            cre2_set_find(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return index < 0 ? nil : patterns[Int(index)]
    }
}
