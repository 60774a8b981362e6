import Pipeline
import Redis
import TestSupport
import Testing

/// Passwords and rights that change under running workers.
@Suite("a Redis that lets nobody in")
struct TroubleLoginTests {
    /// A pool whose worker logs in as `ann`.
    private func pool(housekeepingInterval: Int64 = 5000) throws -> (WorkerPool, Worker) {
        let pool = try WorkerPool.inTrouble()
        try pool.server.cli("ACL", "SETUSER", "ann", "on", ">secret", "~*", "&*", "+@all")
        let address = RedisAddress(endpoint: .unix(path: pool.server.socket), user: "ann", password: "secret")
        return (pool, try pool.startAlone("w1", over: address, housekeepingInterval: housekeepingInterval))
    }

    @Test("a password that is set for a while keeps workers out, and they come back by themselves")
    func password() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        var refusals: Set<RedisError.Code> = []
        pool.redis.connection.onAttemptFailed = { refusals.insert($0.code) }
        try pool.expectRecovery(within: 5) {
            try pool.server.cli("CONFIG", "SET", "requirepass", "secret")
            for type in ["normal", "pubsub"] {
                try pool.server.cli("-a", "secret", "--no-auth-warning", "CLIENT", "KILL", "TYPE", type)
            }
            try pool.runner.run(within: 5, "a login is refused") { refusals.contains(.denied) }
            pool.runner.run(for: 0.5)
            try pool.server.cli("-a", "secret", "--no-auth-warning", "CONFIG", "SET", "requirepass", "")
        }
    }

    @Test("a user that is removed and made again is cut off and let in again")
    func removed() throws {
        let (pool, worker) = try pool()
        try pool.expectRecovery(within: 5) {
            try pool.server.cli("ACL", "DELUSER", "ann")
            try pool.standStill(for: 0.5)
            try pool.server.cli("ACL", "SETUSER", "ann", "on", ">secret", "~*", "&*", "+@all")
        }
        worker.stop {}
    }

    @Test(
        "a right that is taken away stops the stream, and it goes on when the right is given back",
        arguments: ["fcall", "lrange", "ltrim"])
    func noPermission(_ command: String) throws {
        let (pool, worker) = try pool()
        try pool.expectRecovery(within: 5) {
            try pool.server.cli("ACL", "SETUSER", "ann", "-\(command)")
            try pool.standStill(for: 0.4)
            try pool.server.cli("ACL", "SETUSER", "ann", "+\(command)")
        }
        worker.stop {}
    }

    @Test("without the right to have changed keys reported a worker looks for itself now and then")
    func noTracking() throws {
        let (pool, worker) = try pool(housekeepingInterval: 300)
        try pool.server.cli("ACL", "SETUSER", "ann", "-client|caching")
        for round in 0..<2 {
            try pool.push(round * 10..<(round + 1) * 10)
            try pool.published((round + 1) * 10, within: 20)
        }
        #expect(try pool.published() == Array(0..<20))
        worker.stop {}
    }
}
