import Console
import Pipeline
import Redis

/// Plain commands that every machine can be measured by: what an event of 400 bytes costs Redis in a list, a counter, a
/// sorted set, a hash, a key with an expiry and an announcement, without any function.
struct Yardstick {
    let client: BlockingRedis

    private static let batch = 128
    private static let commandsPerEvent = 7

    /// Processor time of Redis for an event, in µs.
    func measure(events: Int) throws -> Double {
        let event = String(repeating: "x", count: 400)
        var meter = try RedisMeter(emptying: client)
        try meter.begin()
        for first in stride(from: 0, to: events, by: Self.batch) {
            var commands: [RedisCommand] = []
            commands.reserveCapacity(Self.batch * Self.commandsPerEvent)
            for number in first..<first + Self.batch {
                let slot = String(number % 1000)
                commands.append(RedisCommand("RPUSH", "yard:list", event))
                commands.append(RedisCommand("INCR", "yard:count"))
                commands.append(RedisCommand("ZADD", "yard:sorted", String(number), slot))
                commands.append(RedisCommand("HSET", "yard:hash", slot, event))
                commands.append(RedisCommand("SET", "yard:key:\(slot)", slot, "EX", "600"))
                commands.append(RedisCommand("PUBLISH", "yard:channel", event))
                commands.append(RedisCommand("LPOP", "yard:list"))
            }
            for result in try client.results(of: commands) { _ = try result.get() }
        }
        try meter.stop()
        let whole = (events + Self.batch - 1) / Self.batch * Self.batch
        return try meter.cost(events: whole).microseconds
    }
}
