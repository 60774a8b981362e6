import Glibc
import TestSupport
import Testing

/// Real pools of workers while Redis dies, a worker is stopped, or a whole pool comes and goes.
@Suite(.serialized)
struct OutagePoolTests {
    private let world: OutageWorld

    init() throws {
        world = try OutageWorld()
    }

    @Test("Redis is killed again and again under a stream: the same workers go on, and all come out once and in order")
    func killed() throws {
        let pool = try world.launch("work", "--workers", "2")
        try world.waitForOwners(2)
        let workers = Set(world.workers(of: pool))
        for round in 0..<3 {
            let result = try world.enqueue(OutageWorld.lines(round * 600..<(round + 1) * 600))
            #expect(result.succeeded, "\(result.errors)")
            try world.server.restart()
        }
        try world.expectPublished(1800, within: 10, pool.errors)
        #expect(Set(world.workers(of: pool)) == workers, "\(pool.errors)")
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
    }

    @Test("a pool that is started while Redis is away waits for it")
    func startedWithout() throws {
        try world.server.kill()
        let pool = try world.launch("work", "--workers", "1")
        try eventually(within: 10, "it tries again and again; log: \(pool.errors)") {
            pool.errors.contains("no connection to redis, trying again")
        }
        #expect(pool.isRunning)
        try world.server.restart()
        try world.waitForOwners(1, within: 5)
        #expect(try world.enqueue(OutageWorld.lines(0..<30)).succeeded)
        try world.expectPublished(30, within: 5, pool.errors)
    }

    @Test("a worker under SIGSTOP past its lease is fenced when it goes on, harms nothing, and has lanes again")
    func stopped() throws {
        let pool = try world.launch("work", "--workers", "2")
        try world.waitForOwners(2)
        let victim = try #require(world.workers(of: pool).first)
        #expect(try world.enqueue(OutageWorld.lines(0..<900)).succeeded)
        kill(victim, SIGSTOP)
        #expect(try world.enqueue(OutageWorld.lines(900..<1200)).succeeded)
        // Its lease is over 3 s after its last heartbeat; the other one misses it at its own next one, but none within 5 s.
        try eventually(within: 9, "the other has all lanes", every: 0.1) { try world.lanes().values.max() == 17 }
        try world.expectPublished(1200, within: 5, pool.errors)
        kill(victim, SIGCONT)
        try world.waitForOwners(2, within: 5)
        #expect(try world.enqueue(OutageWorld.lines(1200..<1500)).succeeded)
        try world.expectPublished(1500, within: 5, pool.errors)
        #expect(world.workers(of: pool).contains(victim))
    }

    @Test(
        "pools of several supervisors share the lanes; what one leaves the others take, and give back when it returns")
    func pools() throws {
        let first = try world.launch("work", "--workers", "1")
        try world.waitForOwners(1)
        let second = try world.launch("work", "--workers", "2")
        try world.waitForOwners(3, within: 6)
        // A share is ceil(17 / 3).
        #expect(try world.lanes().values.allSatisfy { $0 <= 6 })
        #expect(try world.enqueue(OutageWorld.lines(0..<600)).succeeded)
        second.send(SIGTERM)
        #expect(try second.wait(within: 15) == .code(0))
        try world.waitForOwners(1, within: 6)
        #expect(try world.enqueue(OutageWorld.lines(600..<1200)).succeeded)
        let third = try world.launch("work", "--workers", "1")
        try world.waitForOwners(2, within: 6)
        #expect(try world.lanes().values.max() == 9)
        try world.expectPublished(1200, within: 10, first.errors + third.errors)
    }

    @Test("leases of a dead worker that a refusing Redis does not end are ended as soon as it does")
    func leasesEndLater() throws {
        let folder = try TemporaryFolder()
        let configuration = try folder.write("partitions: 2\nlease: 1m\nstages: [validate, publish]\n", to: "long.yaml")
        let pool = try TidingsBinary.launch([
            "work", "--workers", "2", "--config", configuration, "--redis", world.server.url,
        ])
        func owners() throws -> Set<String> {
            let keys = ["incoming", "validate", "publish"].flatMap { stage in
                (0..<2).map { "{comments.\($0)}:lane:\(stage)" }
            }
            return Set(try keys.map { try world.server.cli("HGET", $0, "owner") })
        }
        try eventually(within: 20, "two have all lanes; log: \(pool.errors)") {
            try owners().count == 2 && !owners().contains("")
        }
        let before = try owners()
        try world.server.cli("CONFIG", "SET", "min-replicas-to-write", "1")
        for victim in world.workers(of: pool) { kill(victim, SIGKILL) }
        try eventually(within: 5, "it cannot: \(pool.errors)") { pool.errors.contains("could not be ended") }
        #expect(try owners() == before)
        try world.server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
        try eventually(within: 5, "no lane is a dead worker's; log: \(pool.errors)", every: 0.05) {
            try owners().isDisjoint(with: before)
        }
    }
}
