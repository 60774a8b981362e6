import TestSupport
import Testing

/// A Redis that may delete keys when memory is short: edges are not ready, and all processes say what to do.
struct EvictionTests {
    private static let remedy = "redis-cli CONFIG SET maxmemory-policy noeviction"

    @Test("an edge is red within a few seconds while the policy may delete keys, and green when it is noeviction again")
    func policy() throws {
        let server = try RedisServer(maxMemory: "100mb")
        let edges = try EdgePool(server.url, workers: 1)
        let client = HTTPClient(port: edges.port)
        for policy in ["allkeys-lru", "volatile-ttl"] {
            try server.cli("CONFIG", "SET", "maxmemory-policy", policy)
            try eventually(within: 5, "red") { edges.readiness() == 503 }
            let answer = try client.get("/ready")
            #expect(answer.text.contains("maxmemory-policy is \(policy)") && answer.text.contains(Self.remedy))
            #expect(answer[header: "Retry-After"] == "1")
            #expect(try client.get("/metrics").text.contains("\ntidings_edge_ready 0\n"))
            // It still serves: who is there already gets what there is.
            #expect(try client.get("/v1/channels/thread:1").status == 200)
            try eventually("it is in the log") { edges.process.errors.contains("maxmemory-policy is \(policy)") }
            try server.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try eventually(within: 5, "green") { edges.readiness() == 200 }
        }
        #expect(edges.process.errors.contains("deletes no keys when memory is short any more"))
        // Without a limit nothing is deleted.
        try server.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        try eventually(within: 5, "red") { edges.readiness() == 503 }
        try server.cli("CONFIG", "SET", "maxmemory", "0")
        try eventually(within: 5, "green") { edges.readiness() == 200 }
    }

    @Test("a worker says so in its log, and once keys are deleted how many")
    func worker() throws {
        let world = try OutageWorld()
        try world.server.cli("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
        let pool = try world.launch("work", "--workers", "1")
        try eventually(within: 20, "it says what to do") { pool.errors.contains(Self.remedy) }
        #expect(pool.errors.contains("keys of the pipeline are in danger"))
        let used = try #require(
            world.server.cli("INFO", "memory").firstMatch(of: /used_memory:(\d+)/).flatMap { Int($0.1) })
        try world.server.cli("CONFIG", "SET", "maxmemory", "\(used)")
        try world.server.cli(
            "EVAL", "for i = 1, 2000 do redis.call('SET', 'filler:' .. i, string.rep('x', 99)) end", "0")
        try world.server.cli("SET", "one", "more")
        try eventually(within: 25, "it says that keys were deleted") {
            pool.errors.contains("Redis has deleted keys to make room")
        }
        withExtendedLifetime(pool) {}
    }
}
