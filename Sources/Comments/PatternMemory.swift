/// What patterns may cost, and how RE2's reasons come back.
enum PatternMemory {
    /// For a compiled pattern and the tables of its search, in bytes. Used up only by thousands of words, or by patterns
    /// and texts made for it.
    static let maxBytes: Int64 = 64 << 20

    /// Calls `body` with a pattern's bytes and a place for RE2's reason; returns its result and the reason.
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
