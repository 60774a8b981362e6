import Redis
import Testing

@testable import Simulation

/// What is read piece by piece is what is read at once.
@Suite struct ServerSurveyTests {
    private static let start: Int64 = 1_790_000_000_000
    private let server: SimulatedServer
    private let client: ServerSocket

    init() throws {
        server = try SimulatedServer(time: Self.start, pipeline: "p")
        client = try server.connect()
        _ = server.look()
    }

    private func snapshot(at time: Int64 = start) -> ServerSnapshot {
        server.survey.snapshot(at: time, epoch: "{p.0}:epoch", config: "p:config")
    }

    /// Has a client send commands, one a line, and reads what they changed.
    private func change(_ commands: String...) -> Bool {
        for command in commands {
            let reply = client.call(RedisCommand(words: command.split(separator: " ").map(String.init)))
            if case .failure(let error) = reply { Issue.record("\(command): \(error)") }
        }
        return server.look()
    }

    private func fill() -> Bool {
        change(
            #"RPUSH {p.0}:queue:work {"n":4} {"n":5}"#, #"RPUSH {p.1}:dead:work {"n":1}"#,
            #"RPUSH {p.1}:held:work {"n":2}"#, #"RPUSH p:incoming {"n":3} {}"#, "HSET {p.0}:held:index n 2",
            "HSET {p.0}:lane:work dropped:repeat 3 paused 1 other 7", "HSET {p.1}:lane:work dropped:repeat 2 paused 0",
            "HSET {p.0}:epoch number 12 shape 1/2/a,b", "HSET p:config partitions 2 stages a,b",
            "SADD p:former 1|old", "SET feed.publishes:{thread:t1} 2", "HSET feed.config:{thread:t1} born 77 floor 1",
            #"HSET feed.items:{thread:t1} 2 {"n":9}"#)
    }

    @Test func `each kind of data is read`() {
        var expected = ServerSnapshot()
        expected.serverTime = Self.start
        #expect(snapshot() == expected)
        #expect(fill())
        expected.epoch = 12
        expected.shape = "1/2/a,b"
        expected.configuration = ["partitions": "2", "stages": "a,b"]
        expected.former = ["1|old"]
        expected.queues = ["{p.0}:queue:work": [4, 5], "p:incoming": [3, -1]]
        expected.dead = ["{p.1}:dead:work": [1]]
        expected.held = ["{p.1}:held:work": [2]]
        expected.dropped = ["repeat": 5]
        expected.paused = ["work"]
        expected.feeds = ["thread:t1": .init(born: 77, last: 2, floor: 1, items: [2: 9])]
        #expect(snapshot() == expected)
    }

    @Test(arguments: [
        #"LSET {p.0}:queue:work 0 {"n":6}"#, "DEL {p.0}:queue:work", "RENAME {p.0}:queue:work {p.0}:queue:other",
        "HSET {p.0}:lane:work paused 0", "DEL p:config", "SREM p:former 1|old", "INCR feed.publishes:{thread:t1}",
        "HDEL feed.items:{thread:t1} 2", "HINCRBY feed.config:{thread:t1} floor 1", "SET {p.0}:queue:work text",
        "EVAL return{redis.call('DEL','p:config'),redis.call('RPUSH','{p.1}:queue:work','{}')} 0", "FLUSHALL",
    ]) func `a change is noticed, and read as if everything were read`(_ command: String) throws {
        #expect(fill())
        let before = snapshot()
        #expect(change(command))
        let after = snapshot()
        #expect(after != before)
        var all = ServerSurvey(of: "p")
        let hash = try #require(try server.call("SCRIPT", "LOAD", ServerSurvey.script).get().text)
        let isRead = all.refresh(server.control, script: hash)
        #expect(isRead)
        #expect(all.snapshot(at: Self.start, epoch: "{p.0}:epoch", config: "p:config") == after)
    }

    @Test func `what concerns nobody is no change`() {
        #expect(fill())
        #expect(!change("LRANGE {p.0}:queue:work 0 -1", "SET q:config 1", "SET {p.0}:other 1", "PING"))
    }

    @Test func `a key that expires is gone at its time, and back when the clock is`() {
        #expect(fill())
        #expect(change("PEXPIREAT feed.publishes:{thread:t1} \(Self.start + 500)"))
        #expect(!server.survey.hasExpiry(between: Self.start, and: Self.start + 500))
        #expect(snapshot(at: Self.start + 500).feeds.count == 1)
        #expect(server.survey.hasExpiry(between: Self.start, and: Self.start + 501))
        #expect(snapshot(at: Self.start + 501).feeds.isEmpty)
        #expect(snapshot().feeds.count == 1)
        server.set(time: Self.start + 501)
        #expect(change("GET feed.publishes:{thread:t1}"))
        #expect(snapshot().feeds.isEmpty)
    }

    @Test func `data that went back are read anew`() throws {
        #expect(fill())
        let saved = snapshot()
        try server.save()
        #expect(change("DEL p:config"))
        try server.demote()
        #expect(server.look())
        #expect(snapshot() == saved)
        #expect(change("DEL p:config"))
        try server.takeBack()
        #expect(server.look())
        #expect(snapshot() == saved)
        try server.wipe()
        #expect(server.look())
        #expect(snapshot().queues.isEmpty)
    }

    @Test func `announcements are heard when the server is looked at`() {
        #expect(!change("PUBLISH feed.publish:{thread:t1} text"))
        #expect(server.takeAnnouncements().count == 1)
        #expect(server.takeAnnouncements().isEmpty)
    }
}
