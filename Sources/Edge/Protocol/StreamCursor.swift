/// The `Stream-Cursor` of live answers (Durable Streams, 8.1): lets caches tell an old answer from a new one.
enum StreamCursor {
    /// Seconds from 1970 to 9 October 2024, where the protocol begins to count, and the length of an interval.
    private static let epoch: Int64 = 1_728_432_000
    private static let interval: Int64 = 20

    /// The cursor for an answer: the number of the current interval, and always more than the client's.
    ///
    /// - Parameter now: seconds since 1970.
    static func next(
        after client: Int64?, now: Int64, using generator: inout some RandomNumberGenerator
    ) -> Int64 {
        let current = max(0, (now - epoch) / interval)
        guard let client, client >= current else { return current }
        return client + Int64.random(in: 1...(3600 / interval), using: &generator)
    }
}
