import TestSupport
import Testing

@testable import Edge

@Suite("What was found out lately")
struct GenerationCacheTests {
    @Test("what was asked for among the last ones is still there, and there are never more than twice the limit")
    func keeps() {
        var random = SplitMix64()
        var cache = GenerationCache<Int, Int>(limit: 16)
        var asked: [Int] = []
        for _ in 0..<5000 {
            let key = Int.random(in: 0..<60, using: &random)
            let isRecent = Set(asked.reversed().prefix(while: { $0 != key })).count < 16 && asked.contains(key)
            let value = cache.value(for: key)
            if isRecent { #expect(value == key * 7, "seed \(random.seed)") }
            if value == nil { cache.insert(key * 7, for: key) } else { #expect(value == key * 7) }
            asked.append(key)
            #expect(cache.count <= 32)
        }
    }

    @Test("what nobody asks for goes")
    func forgets() {
        var cache = GenerationCache<Int, Int>(limit: 4)
        cache.insert(1, for: 1)
        for key in 2...20 {
            cache.insert(key, for: key)
            _ = cache.value(for: 2)
        }
        #expect(cache.value(for: 1) == nil && cache.value(for: 2) == 2 && cache.value(for: 20) == 20)
    }
}
