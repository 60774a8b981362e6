import Testing

@testable import Pipeline

@Suite("keys that Redis may delete to make room")
struct EvictionStateTests {
    private static func info(_ policy: String, limit: Int = 1_000_000, deleted: Int = 0) -> [String: String] {
        ["maxmemory_policy": policy, "maxmemory": "\(limit)", "evicted_keys": "\(deleted)"]
    }

    @Test(
        "a policy that deletes keys is trouble when there is a limit, whichever keys it prefers",
        arguments: [
            ("noeviction", 1000, false), ("noeviction", 0, false), ("allkeys-lru", 0, false),
            ("allkeys-lru", 1000, true), ("allkeys-random", 1000, true), ("volatile-ttl", 1000, true),
        ])
    func policies(_ policy: String, _ limit: Int, _ isTrouble: Bool) {
        var state = EvictionState()
        #expect(state.trouble == nil)
        let reports = state.look(Self.info(policy, limit: limit))
        #expect((state.trouble != nil) == isTrouble)
        #expect(reports == (state.trouble.map { [.danger($0)] } ?? []))
        #expect(state.look(Self.info(policy, limit: limit)) == [], "it is said once")
        if isTrouble {
            #expect(state.trouble?.contains("maxmemory-policy is \(policy)") == true)
            #expect(state.trouble?.contains("redis-cli CONFIG SET maxmemory-policy noeviction") == true)
        }
    }

    @Test("it is over when the policy is back, or the limit is gone before a key was deleted")
    func over() {
        var state = EvictionState()
        _ = state.look(Self.info("allkeys-lru"))
        #expect(state.look(Self.info("noeviction")) == [.over])
        #expect(state.trouble == nil)
        _ = state.look(Self.info("allkeys-lru"))
        #expect(state.look(Self.info("allkeys-lru", limit: 0)) == [.over])
    }

    @Test("keys that were deleted since the first look are trouble under such a policy, also when the limit is gone")
    func deleted() {
        var state = EvictionState()
        _ = state.look(Self.info("allkeys-lru", deleted: 700))
        #expect(state.deleted == 0, "before this process began")
        #expect(state.look(Self.info("allkeys-lru", deleted: 703)) == [.deleted(3)])
        #expect(state.trouble?.contains("has deleted 3 keys") == true)
        #expect(state.look(Self.info("allkeys-lru", limit: 0, deleted: 705)) == [])
        #expect(state.trouble != nil)
        #expect(state.look(Self.info("allkeys-lru", deleted: 706)) == [.deleted(6)], "said again when it has doubled")
        // The server has started anew, and counts anew.
        #expect(state.look(Self.info("allkeys-lru", deleted: 10)) == [.deleted(16)])
        #expect(state.look(Self.info("noeviction", deleted: 10)) == [.over])
        #expect(state.trouble == nil && state.deleted == 16)
    }

    @Test("a server that does not say is not judged")
    func silent() {
        var state = EvictionState()
        #expect(state.look([:]) == [] && state.trouble == nil)
        _ = state.look(Self.info("allkeys-lru"))
        #expect(state.look([:]) == [] && state.trouble != nil, "what was known stays")
    }
}
