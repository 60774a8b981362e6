internal import CRE2

/// Many RE2 patterns that are searched for at once. One thread at a time.
///
/// RE2 takes time linear in the text for every pattern, so that no comment can stall a lane.
final class PatternSet {
    /// For the search's tables, in bytes. A set beyond it is searched more slowly.
    private static let maxMemory: Int64 = 8 << 20

    /// Owned here: made in `init`, freed in `deinit`, never handed out.
    private let handle: OpaquePointer

    /// - Parameter patterns: each with what names it in an error.
    init(_ patterns: [(pattern: String, name: String, code: CommentsError.Code)]) throws(CommentsError) {
        guard let handle = cre2_set_create(Self.maxMemory) else { preconditionFailure("out of memory") }
        self.handle = handle
        for (pattern, name, code) in patterns {
            if let reason = Self.add(pattern, to: handle) {
                throw CommentsError(code, "the \(name) cannot be used: \(reason)")
            }
        }
        guard patterns.isEmpty || cre2_set_compile(handle) != 0 else {
            throw CommentsError(.pattern, "the blocked words and patterns are too many or too large: use fewer")
        }
    }

    deinit {
        cre2_set_destroy(handle)
    }

    /// The index of the first pattern that occurs in the text (UTF-8).
    func firstMatch(in text: [UInt8]) -> Int? {
        let index = text.withUnsafeBytes {
            cre2_set_find(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return index < 0 ? nil : Int(index)
    }

    /// Returns RE2's reason when it does not take the pattern.
    private static func add(_ pattern: String, to handle: OpaquePointer) -> String? {
        var pattern = pattern
        return pattern.withUTF8 { utf8 in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { reason in
                let start = UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
                guard cre2_set_add(handle, start, utf8.count, reason.baseAddress, reason.count) < 0 else { return nil }
                return reason.baseAddress.map { String(cString: $0) } ?? ""
            }
        }
    }
}
