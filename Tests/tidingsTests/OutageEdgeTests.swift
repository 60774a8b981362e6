import Glibc
import Supervision
import TestSupport
import Testing

/// What a web app gets from `POST /v1/comments` when Redis is away, loading, or silent.
struct OutageEdgeTests {
    private static let comment = #"{"thread":"t0","text":"0"}"#

    private func edge(_ world: OutageWorld) throws -> (ChildProcess, HTTPClient) {
        let edge = try world.launch("edge", "--workers", "1", "--listen", "127.0.0.1:0")
        var port: UInt16?
        try eventually(within: 20, "the edge says where it is: \(edge.output)\(edge.errors)") {
            port = edge.output.split(separator: "\n").first?.split(separator: ":").last.flatMap { UInt16($0) }
            return port != nil
        }
        let client = HTTPClient(port: try #require(port), timeout: 10)
        try accepts(client, within: 20)
        return (edge, client)
    }

    private func accepts(_ client: HTTPClient, within seconds: Double) throws {
        try eventually(within: seconds, "a comment is taken", every: 0.03) {
            client.close()
            return (try? client.post("/v1/comments", Self.comment).status) == 202
        }
    }

    private func expectUnavailable(_ client: HTTPClient, _ word: String) throws {
        let answer = try client.post("/v1/comments", Self.comment)
        #expect(answer.status == 503, "\(answer.status) \(answer.text)")
        #expect(answer[header: "Retry-After"].flatMap { Int($0) } ?? 0 > 0)
        #expect(answer.text.contains(word), "\(answer.text)")
    }

    @Test(
        "a killed Redis that takes long to load: 503 and when to retry, enqueue says LOADING with 75, and both recover")
    func loading() throws {
        let world = try OutageWorld()
        let (edge, client) = try edge(world)
        try world.server.cli("EVAL", "for i = 1, 30000 do redis.call('SET', 'filler:' .. i, i) end", "0")
        try world.server.kill()
        try eventually(within: 5, "the edge noticed") {
            try client.post("/v1/comments", Self.comment).status == 503
        }
        try expectUnavailable(client, "no connection to Redis")
        let slow = try world.restartSlowly(microsecondsAKey: 80)
        let refused = try world.enqueue(Self.comment + "\n")
        #expect(refused.exit == .code(75), "\(refused.exit) \(refused.errors)")
        // A server that is busy loading may not even find the time to say so.
        #expect(refused.errors.contains("LOADING") || refused.errors.contains("no answer"), "\(refused.errors)")
        try expectUnavailable(client, "no connection to Redis")
        try accepts(client, within: 10)
        #expect(try world.enqueue(Self.comment + "\n").succeeded)
        withExtendedLifetime((edge, slow)) {}
    }

    @Test(
        "a Redis that refuses writes: 503 in its own words, until it takes them again",
        arguments: [
            (
                ["CONFIG", "SET", "min-replicas-to-write", "1"], ["CONFIG", "SET", "min-replicas-to-write", "0"],
                "NOREPLICAS"
            ),
            (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "out of memory"),
        ])
    func refusing(trouble: [String], cure: [String], word: String) throws {
        let world = try OutageWorld()
        let (edge, client) = try edge(world)
        try world.server.cli(trouble)
        try expectUnavailable(client, word)
        try world.server.cli(cure)
        try accepts(client, within: 3)
        withExtendedLifetime(edge) {}
    }

    @Test("a Redis that is silent: 503 after its deadline, and the comment is taken when it speaks again")
    func silent() throws {
        let world = try OutageWorld()
        let (edge, client) = try edge(world)
        world.server.pause()
        let answer = try client.post("/v1/comments", Self.comment)
        #expect(answer.status == 503 && answer[header: "Retry-After"] != nil, "\(answer.text)")
        world.server.resume()
        try accepts(client, within: 10)
        withExtendedLifetime(edge) {}
    }

    @Test("an edge whose configuration differs from what runs takes no comments: they would lie where nobody works")
    func otherShape() throws {
        let world = try OutageWorld()
        let pool = try world.launch("work", "--workers", "1")
        try world.waitForOwners(1)
        let folder = try TemporaryFolder()
        let other = try folder.write("partitions: 16\n", to: "tidings.yaml")
        let port = try freePort()
        // A supervisor would not start it: it is one whose pipeline was changed while it ran.
        let edge = try TidingsBinary.launch([
            "edge", "--child", "late", "--listen", "127.0.0.1:\(port)", "--config", other, "--redis", world.server.url,
        ])
        let client = HTTPClient(port: port, timeout: 10)
        try eventually(within: 20, "it serves; log: \(edge.errors)") { (try? client.get("/live").status) == 200 }
        try expectUnavailable(client, "has partitions 4 in Redis, 16 here")
        #expect(try world.server.cli("KEYS", "*:queue:*") == "")
        // It goes on asking, and takes them when it fits.
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
        try accepts(client, within: 15)
        #expect(try world.server.cli("HGET", "comments:config", "partitions") == "16")
    }
}
