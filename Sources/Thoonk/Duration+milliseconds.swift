extension Duration {
    /// In milliseconds, rounded up: a wait is never shorter than asked for. At most a hundred years, at least 0.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let bounded = min(max(seconds, 0), 3_155_760_000)
        guard seconds == bounded, attoseconds >= 0 else { return bounded * 1000 }
        return bounded * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
