import Redis
import TestSupport
import Testing

/// `tidings_draw`: queues, job feeds and feeds as doors, and the end of a job with its event.
@Suite("doors from Thoonk")
final class DrawTests {
    private let library: TidingsLibrary
    private let token: String
    private static let lane = "t:lane:incoming"
    private static let door = "t:incoming"

    init() throws {
        library = try TidingsLibrary(stages: "a")
        let answer = try library.redis.ask("FCALL", "tidings_claim", "2", Self.lane, Self.door, "t", "w", "60000")
        token = try #require(answer.array?.dropFirst().first?.text)
    }

    private func draw(
        _ kind: String, _ feed: String, count: Int = 100, limit: Int = 1000, from: String = "now", token: String? = nil
    ) throws -> String {
        try library.call(
            "draw", keys: [Self.lane, Self.door],
            [token ?? self.token, kind, feed, String(count), String(limit), from])
    }

    private func ask(_ words: String...) throws -> String { try library.redis.ask(words: words).line }

    /// What came through the door, without a job's ticket, which is different each time.
    private func events() throws -> [String] {
        try library.list(Self.door).map {
            $0.replacing(/","[0-9]{10,}"\]/, with: "\",T]")
        }
    }

    private func put(_ queue: String, _ id: String, _ item: String) throws {
        _ = try ask("LPUSH", "feed.ids:\(queue)", id)
        _ = try ask("HSET", "feed.items:\(queue)", id, item)
    }

    private func putJob(_ id: String, _ item: String) throws {
        try put("j", id, item)
        _ = try ask("ZADD", "feed.published:j", "1", id)
    }

    // MARK: Queues

    @Test("a queue's items come oldest first, as many as asked for, and are gone there")
    func queue() throws {
        for number in 1...5 { try put("q", "\(number)", #"{"n":\#(number)}"#) }
        #expect(try draw("queue", "q", count: 3) == "[OK, 3]")
        #expect(try events() == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
        #expect(try ask("HKEYS", "feed.items:q") == "[4, 5]")
        #expect(try draw("queue", "q") == "[OK, 2]")
        #expect(try draw("queue", "q") == "[OK, 0]")
        #expect(try ask("EXISTS", "feed.ids:q", "feed.items:q") == "0")
        #expect(try ask("HGET", "t:doors", "queue q") == "5")
    }

    @Test("an id whose item an old client has lost is passed over")
    func lostItem() throws {
        _ = try ask("LPUSH", "feed.ids:q", "1")
        try put("q", "2", "{}")
        #expect(try draw("queue", "q") == "[OK, 2]")
        #expect(try events() == ["{}"])
    }

    @Test("with another token, or a door that is full, nothing is taken")
    func refused() throws {
        try put("q", "1", "{}")
        #expect(try draw("queue", "q", token: "1") == "[FENCED]")
        _ = try ask("RPUSH", Self.door, "x", "y")
        #expect(try draw("queue", "q", limit: 2) == "[FULL, 2]")
        #expect(try ask("LLEN", "feed.ids:q") == "1")
    }

    @Test("a foreign key in the place of a source is told before anything is taken")
    func foreign() throws {
        try put("q", "1", "{}")
        _ = try ask("DEL", "feed.items:q")
        _ = try ask("SET", "feed.items:q", "x")
        #expect(throws: (any Error).self) { try draw("queue", "q") }
        #expect(try ask("LLEN", "feed.ids:q") == "1")
        _ = try ask("SADD", "feed.ids:f", "x")
        #expect(throws: (any Error).self) { try draw("feed", "f") }
    }

    @Test("a full memory shuts the door: nothing is taken")
    func memory() throws {
        try put("q", "1", "{}")
        _ = try ask("CONFIG", "SET", "maxmemory", "1")
        #expect(throws: (any Error).self) { try draw("queue", "q") }
        #expect(try ask("LLEN", "feed.ids:q") == "1")
    }

    // MARK: Jobs

    /// Draws a job and hands it to lane a, whose token it gives.
    private func workJob(_ item: String = #"{"n":1}"#) throws -> (token: String, event: String) {
        try putJob("1", item)
        #expect(try draw("job", "j") == "[OK, 1]")
        let event = try #require(try library.list(Self.door).first)
        try library.enqueue([event])
        _ = try ask("DEL", Self.door)
        return (try library.token(of: "w"), event)
    }

    private func job(_ event: String) throws -> String {
        try ParsedJSON(parsing: event)["_job"]!.array!.map { "\"\($0.string!)\"" }.joined(separator: ",")
    }

    @Test("a job is claimed as it is taken, and its event knows it")
    func claim() throws {
        try putJob("1", #"{"n":1}"#)
        try putJob("2", "{}")
        #expect(try draw("job", "j") == "[OK, 2]")
        #expect(try events() == [#"{"_job":["j","1",T],"n":1}"#, #"{"_job":["j","2",T]}"#])
        #expect(try ask("ZRANGE", "feed.claimed:j", "0", "-1") == "[1, 2]")
        #expect(try ask("HLEN", "feed.items:j") == "2")
        #expect(try ask("HLEN", "t:jobs") == "2")
    }

    @Test("a job that is put back into its list while its event is on its way is claimed again, not doubled")
    func again() throws {
        try putJob("1", "{}")
        _ = try draw("job", "j")
        // What `cancel` and a claim's time-out do.
        _ = try ask("ZREM", "feed.claimed:j", "1")
        _ = try ask("LPUSH", "feed.ids:j", "1")
        #expect(try draw("job", "j") == "[OK, 1]")
        #expect(try events().count == 1)
        #expect(try ask("ZCARD", "feed.claimed:j") == "1")
    }

    @Test("what is no JSON object is stalled at once", arguments: ["x", "[1]", #"{"a":"#, "", "7"])
    func noObject(item: String) throws {
        try putJob("1", item)
        #expect(try draw("job", "j") == "[OK, 1]")
        #expect(try events() == [])
        #expect(try ask("SMEMBERS", "feed.stalled:j") == "[1]")
        #expect(try ask("EXISTS", "feed.claimed:j", "feed.published:j", "t:jobs") == "0")
        #expect(try ask("HGET", "feed.items:j", "1") == item)
    }

    @Test("the commit that publishes finishes the job, says so, and leaves no key but the counter")
    func published() throws {
        let (token, event) = try workJob()
        let heard = try Announcements(["job.finish:j"], library: library)
        let feeds = ["feeds", "10", "0", TidingsLibrary.dead, "10", "1", "{}", "1", "thread:1", "1", "1"]
        try library.commit(
            token: token, serial: 1, [event], feeds, ["settle", "published", "1", "[\(try job(event))]"])
        #expect(try heard.first(1) == ["job.finish:j 1|published"])
        #expect(try ask("GET", "feed.finishes:j") == "1")
        #expect(
            try ask(
                "EXISTS", "feed.claimed:j", "feed.published:j", "feed.items:j", "feed.ids:j", "feed.stalled:j", "t:jobs"
            )
                == "0")
    }

    @Test("the same commit again finishes nothing twice")
    func twice() throws {
        let (token, event) = try workJob()
        let settle = ["settle", "done", "1", "[\(try job(event))]"]
        for _ in 0..<2 { try library.commit(token: token, serial: 1, [event], settle) }
        #expect(try ask("GET", "feed.finishes:j") == "1")
    }

    @Test("a job that somebody else has by now is his, and a ticket that was made up opens nothing")
    func other() throws {
        let (token, event) = try workJob()
        _ = try ask("ZREM", "feed.claimed:j", "1")
        try library.commit(token: token, serial: 1, [event], ["settle", "published", "1", "[\(try job(event))]"])
        #expect(try ask("HLEN", "feed.items:j") == "1")
        #expect(try ask("EXISTS", "feed.finishes:j", "t:jobs") == "0")
        try library.enqueue(["{}"])
        _ = try ask("ZADD", "feed.claimed:j", "1", "1")
        for forged in [#"["j","1","5"]"#, #"["j","1"]"#, "[", "7", #"[{},[],"x"]"#] {
            let (serial, next) = (Int.random(in: 2...1_000_000), "{}")
            try library.commit(token: token, serial: serial, [next], ["settle", "published", "1", forged])
            try library.enqueue(["{}"])
            #expect(try ask("ZCARD", "feed.claimed:j") == "1")
        }
    }

    @Test("a dead letter stalls its job; sent again and published, it is finished")
    func dead() throws {
        let (token, event) = try workJob()
        let settle = ["1", "[\(try job(event))]"]
        try library.commit(token: token, serial: 1, [event], ["settle", "stalled"] + settle)
        #expect(try ask("SMEMBERS", "feed.stalled:j") == "[1]")
        #expect(try ask("EXISTS", "feed.claimed:j", "feed.published:j", "t:jobs") == "0")
        #expect(try ask("HLEN", "feed.items:j") == "1")
        try library.enqueue([event])
        try library.commit(token: token, serial: 2, [event], ["settle", "published"] + settle)
        #expect(try ask("EXISTS", "feed.stalled:j", "feed.items:j") == "0")
        #expect(try ask("GET", "feed.finishes:j") == "1")
    }

    @Test("a repeat that the commit drops finishes its job")
    func duplicate() throws {
        let (token, event) = try workJob()
        let key = "e:1"
        let once = ["once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", "60000", "100"]
        try library.enqueue(["first"])
        try library.commit(token: token, serial: 1, [event, "first"], once + ["2", key, "first", key, event])
        #expect(try ask("GET", "feed.finishes:j") == "1")
        #expect(try library.list(TidingsLibrary.next) == ["first"])
    }

    @Test("letters that fall off stall their jobs, those that an operator drops finish them, and so does a purge")
    func letters() throws {
        let (token, event) = try workJob()
        let letter = #"{"id":"x","event":\#(event)}"#
        func hold() throws {
            try library.commit(
                token: token, serial: Int.random(in: 1...1 << 40), [event],
                ["letter", "held", "{t.0}:held:a", "1", "1", letter])
        }
        try hold()
        #expect(try ask("ZCARD", "feed.claimed:j") == "1")
        #expect(try library.call("letters", keys: ["{t.0}:held:a", "", ""], [letter, event]) == "1")
        #expect(try ask("GET", "feed.finishes:j") == "1")
        #expect(try ask("EXISTS", "feed.items:j", "t:jobs") == "0")

        try putJob("2", "{}")
        _ = try draw("job", "j")
        let second = try #require(try library.list(Self.door).first)
        _ = try ask("DEL", Self.door)
        try library.enqueue([second])
        _ = try library.call("purge", keys: [TidingsLibrary.queue, TidingsLibrary.lane], [])
        #expect(try ask("GET", "feed.finishes:j") == "2")

        try putJob("3", "{}")
        _ = try draw("job", "j")
        let third = try #require(try library.list(Self.door).first)
        try library.enqueue(["x", "y"])
        let list = ["letter", "held", "{t.0}:held:a", "1", "2", #"{"event":\#(third)}"#, "{}"]
        try library.commit(token: token, serial: 1 << 50, ["x", "y"], list)
        #expect(try ask("SMEMBERS", "feed.stalled:j") == "[3]")
    }

    // MARK: Feeds

    private func publish(_ id: String, score: String) throws {
        _ = try ask("ZADD", "feed.ids:f", score, id)
        _ = try ask("HSET", "feed.items:f", id, #"{"id":"\#(id)"}"#)
    }

    private func ids() throws -> [String] {
        try library.list(Self.door).map { try ParsedJSON(parsing: $0)["id"]!.string! }
    }

    private static let now = 1_700_000_000_000

    @Test("from the start: everything, in pages, by score, then what is new")
    func start() throws {
        for number in 1...7 { try publish("\(number)", score: "\(Self.now + number)") }
        #expect(try draw("feed", "f", count: 3, from: "start") == "[OK, 3]")
        #expect(try draw("feed", "f", count: 3, from: "start") == "[OK, 3]")
        #expect(try draw("feed", "f", count: 3, from: "start") == "[OK, 1]")
        #expect(try draw("feed", "f", count: 3, from: "start") == "[OK, 0]")
        try publish("8", score: "\(Self.now + 9)")
        #expect(try draw("feed", "f", from: "start") == "[OK, 1]")
        #expect(try ids() == ["1", "2", "3", "4", "5", "6", "7", "8"])
        #expect(try ask("ZCARD", "feed.ids:f") == "8")
    }

    @Test("from now: nothing of what is there, everything that comes")
    func now() throws {
        try publish("1", score: "\(Self.now)")
        #expect(try draw("feed", "f") == "[OK, 0]")
        try publish("2", score: "\(Self.now)")
        try publish("3", score: "\(Self.now - 50)")
        #expect(try draw("feed", "f") == "[OK, 2]")
        #expect(try Set(ids()) == ["2", "3"])
        #expect(try draw("feed", "f") == "[OK, 0]")
    }

    @Test("equal scores that a page cuts apart are all found")
    func equal() throws {
        for number in 1...9 { try publish("\(number)", score: "\(Self.now)") }
        for _ in 0..<6 { _ = try draw("feed", "f", count: 2, from: "start") }
        #expect(try ids().sorted() == (1...9).map(String.init))
    }

    @Test("items of a writer whose clock is behind are found, once")
    func late() throws {
        try publish("1", score: "\(Self.now)")
        _ = try draw("feed", "f", from: "start")
        try publish("2", score: "\(Self.now - 30_000)")
        try publish("3", score: "\(Self.now - 59_000)")
        for _ in 0..<3 { _ = try draw("feed", "f", count: 1, from: "start") }
        #expect(try ids() == ["1", "3", "2"])
    }

    @Test("scores in seconds, as the Python client writes them, and in milliseconds live side by side")
    func seconds() throws {
        try publish("1", score: "\(Self.now)")
        try publish("2", score: "1700000000.25")
        _ = try draw("feed", "f", from: "start")
        try publish("3", score: "1700000000.5")
        try publish("4", score: "\(Self.now + 1)")
        try publish("5", score: "1699999990.5")
        _ = try draw("feed", "f", from: "start")
        #expect(try draw("feed", "f", from: "start") == "[OK, 0]")
        #expect(try Set(ids()) == ["1", "2", "3", "4", "5"])
        #expect(try ids().count == 5)
    }

    @Test("an edited item comes again, a retracted one does not disturb")
    func edit() throws {
        for number in 1...4 { try publish("\(number)", score: "\(Self.now + number)") }
        _ = try draw("feed", "f", from: "start")
        try publish("2", score: "\(Self.now + 10)")
        _ = try ask("ZREM", "feed.ids:f", "3")
        #expect(try draw("feed", "f", from: "start") == "[OK, 1]")
        #expect(try draw("feed", "f", from: "start") == "[OK, 0]")
        #expect(try ids() == ["1", "2", "3", "4", "2"])
    }

    @Test("what is named by its id only gets a name as an event: the same for the same item, another once it is edited")
    func named() throws {
        let items = [
            #"{"id":"a","text":"x"}"#, #" { "id" : "b" }"#, #"{"id":"c","event_id":"e"}"#, #"{"text":"the \"id\""}"#,
            #"{"id":"#, #"["id"]"#, "",
        ]
        func publish(_ score: Int) throws {
            for (index, item) in items.enumerated() {
                _ = try ask("ZADD", "feed.ids:f", "\(score + index)", "i\0\(index)\u{FF}")
                _ = try ask("HSET", "feed.items:f", "i\0\(index)\u{FF}", item)
            }
        }
        try publish(Self.now)
        #expect(try draw("feed", "f", from: "start") == "[OK, 7]")
        let first = try library.list(Self.door)
        let names = try first[..<2].map { try #require(ParsedJSON(parsing: $0)["event_id"]?.string) }
        #expect(Set(names).count == 2 && names.allSatisfy { $0.count == 40 })
        #expect(first[0] == #"{"event_id":"\#(names[0])","id":"a","text":"x"}"#)
        #expect(first[1] == #"{"event_id":"\#(names[1])","id" : "b" }"#)
        #expect(Array(first[2...]) == Array(items[2...]))
        // The door forgets where it stood: the same items have the same names.
        _ = try ask("DEL", Self.door, "t:door:f", "t:door:f:ms", "t:door:f:seconds")
        _ = try draw("feed", "f", from: "start")
        #expect(try library.list(Self.door) == first)
        try publish(Self.now + 100)
        _ = try draw("feed", "f", from: "start")
        let edited = try ParsedJSON(parsing: library.list(Self.door)[7])
        #expect(edited["id"] == "a")
        #expect(edited["event_id"]?.string != names[0])
    }

    @Test("at seeded random, with late writers, equal scores and small pages, each item comes once")
    func random() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(seed: seed)
        var clock = Self.now
        for number in 0..<400 {
            clock += Int.random(in: 0...400, using: &random)
            let scale = Bool.random(using: &random)
            let time = clock - Int.random(in: 0...50_000, using: &random)
            try publish("\(number)", score: scale ? "\(time)" : "\(Double(time) / 1000)")
            if Int.random(in: 0..<3, using: &random) == 0 {
                _ = try draw("feed", "f", count: Int.random(in: 1...20, using: &random), from: "start")
            }
        }
        for _ in 0..<60 { _ = try draw("feed", "f", count: 20, from: "start") }
        let found = try ids()
        #expect(found.count == 400 && Set(found).count == 400, "seed \(seed): \(found.count)")
    }

    @Test("status knows the doors")
    func status() throws {
        try put("q", "1", "{}")
        try putJob("2", "{}")
        _ = try draw("job", "j")
        _ = try draw("queue", "none")
        _ = try ask("HSET", "t:doors", "queue q", "0")
        let stats = try ParsedJSON(parsing: try ask("FCALL_RO", "tidings_stats", "0", "t"))
        #expect(stats["jobs"]?.integer == 1)
        let doors = try #require(stats["doors"]?.array)
        #expect(doors.count == 3)
        let waiting = doors.first { $0["feed"]?.string == "q" }
        #expect(waiting?["waiting"]?.integer == 1)
    }
}
