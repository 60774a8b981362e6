/// What was found out lately, in bounded memory: two generations, each of at most ``limit`` entries.
///
/// What is asked for moves into the young one; when that is full it becomes the old one, and what nobody has asked for
/// in that time is gone. As good as the exact least-recently-used order for what this is for, and without its links.
struct GenerationCache<Key: Hashable, Value> {
    let limit: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// How many entries there are; at most twice the limit.
    var count: Int { young.count + old.count }

    mutating func value(for key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        insert(value, for: key)
        return value
    }

    mutating func insert(_ value: Value, for key: Key) {
        if young.count >= limit {
            old = young
            young = [:]
        }
        young[key] = value
    }
}
