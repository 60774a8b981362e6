import Glibc
import TestSupport
import Testing

/// A Thoonk job feed as a door, with the real programs, which are killed.
struct DoorKillTests {
    @Test("jobs whose workers are killed all the time: every comment is published once, every job finished once")
    func killed() throws {
        var random = SplitMix64(seed: .random(in: 0 ... .max))
        let server = try RedisServer(appendOnly: .always)
        let folder = try TemporaryFolder()
        let configuration = try folder.write(
            "partitions: 2\nlease: 3s\ndoors: [{ job: posts }]\n"
                + "stages: [validate, format, route, { publish: { history: 10000 } }]\n", to: "tidings.yaml")
        let pool = try TidingsBinary.launch([
            "work", "--workers", "2", "--config", configuration, "--redis", server.url, "--max-deaths", "10000",
        ])
        let script = """
            for i = 1, 20 do
              local id = ARGV[1] .. '-' .. i
              redis.call('LPUSH', 'feed.ids:posts', id)
              redis.call('HSET', 'feed.items:posts', id, '{"thread":"t","id":"' .. id .. '","text":"hello"}')
              redis.call('ZADD', 'feed.published:posts', 1, id)
              redis.call('INCR', 'feed.publishes:posts')
            end
            """
        let rounds = 60
        for round in 0..<rounds {
            _ = try server.cli("EVAL", script, "0", String(round))
            let workers = ProcessTable.descendants(of: pool.pid).filter { $0.command.contains(" --child ") }
            if round % 3 == 0, let victim = workers.randomElement(using: &random) { kill(victim.pid, SIGKILL) }
            usleep(UInt32.random(in: 0...60_000, using: &random))
        }
        let note = "seed \(random.seed); log: \(pool.errors.suffix(2000))"
        try eventually(within: 60, "all jobs are finished; \(note)", every: 0.05) {
            try server.cli("GET", "feed.finishes:posts") == String(rounds * 20)
        }
        let items = try server.cli("HVALS", "feed.items:{thread:t}").split(separator: "\n")
        let ids = try items.map { try ParsedJSON(parsing: String($0))["id"]?.string ?? "" }
        #expect(ids.count == rounds * 20 && Set(ids).count == rounds * 20, "\(ids.count); \(note)")
        #expect(!items.contains { $0.contains("_job") })
        let keys = ["ids", "items", "published", "claimed", "cancelled", "stalled"].map { "feed.\($0):posts" }
        #expect(try server.cli(["EXISTS", "comments:jobs"] + keys) == "0", "\(note)")
        let status = try TidingsBinary.run(["status", "--config", configuration, "--redis", server.url]).output
        #expect(status.contains("door    job posts  0 waiting  1,200 taken"), "\(status)")
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 20) == .code(0))
    }
}
