import Redis
import Store
import TestSupport
import Testing

/// Channels of which only the newest event counts, and channels that keep nothing.
@Suite("kinds of channels: state and none")
struct StateTests {
    private let library: TidingsLibrary
    private let token: String

    init() throws {
        library = try TidingsLibrary()
        token = try library.token(of: "w1")
    }

    static let policies = [
        "kinds", "4", "thread", "5", "0", "60000", "forum", "100", "90000", "90000", "post", "state", "0", "50000",
        "note", "none", "0", "50000",
    ]
    private static let kinds = ["thread": "1", "forum": "2", "post": "3", "note": "4"]

    /// Publishes events in one commit, each in its channels.
    private func publish(
        _ serial: Int, _ events: [(String, channels: [String])], policies: [String] = Self.policies
    ) throws {
        try library.enqueue(events.map(\.0))
        var operations = ["publish"] + policies + [TidingsLibrary.dead, "10", "{t.0}:post:", "\(events.count)"]
        for event in events { operations += ["", "", event.0] }
        var names: [String] = []
        for name in events.flatMap(\.channels) where !names.contains(name) { names.append(name) }
        operations.append("\(names.count)")
        for name in names {
            let indexes = events.indices.filter { events[$0].channels.contains(name) }.map { "\($0 + 1)" }
            let kind = name.split(separator: ":").first.map(String.init) ?? ""
            operations += [name, Self.kinds[kind] ?? "1", "\(indexes.count)"] + indexes
        }
        operations += ["count", "out", "\(events.count)"]
        #expect(try library.commit(token: token, serial: serial, events.map(\.0), operations) == "[OK]")
    }

    private func history(_ channel: String, after: Int64 = 0, limit: Int = 100, bytes: Int? = nil) throws
        -> ChannelHistory
    {
        let feed = ChannelFeed(channel: channel, epochKey: "{t.0}:epoch")
        guard let bytes else { return try library.call(.newest(of: feed, after: after, limit: limit)) }
        return try library.call(.oldest(of: feed, after: after, limit: limit, bytes: bytes))
    }

    /// `2: text`, or empty.
    private func item(_ history: ChannelHistory) -> String {
        history.items.map { "\($0.sequence): \(String(decoding: $0.event, as: UTF8.self))" }.joined(separator: ", ")
    }

    private func state(_ channel: String) throws -> String? {
        try library.redis.ask("GET", "feed.state:{\(channel)}").text
    }

    private func age(_ channel: String) throws {
        for id in try library.redis.ask("ZRANGE", "feed.ids:{\(channel)}", "0", "-1").array ?? [] {
            try library.redis.ask("ZADD", "feed.ids:{\(channel)}", "1000", id.text ?? "")
        }
    }

    @Test("a state is one key that says where the newest event stands, and reading it gives that event with its number")
    func place() throws {
        try publish(1, [("a", ["thread:1", "post:x", "user"]), ("b", ["thread:1"]), ("c", ["thread:1", "post:x"])])
        #expect(try library.redis.ask("KEYS", "*{post:x}").line == "[feed.state:{post:x}]")
        let born = try #require(try library.redis.ask("HGET", "feed.config:{thread:1}", "born").text)
        #expect(try state("post:x")?.hasSuffix(" 2 at \(born) 3 thread:1") == true)
        let read = try history("post:x")
        #expect(item(read) == "2: c" && read.last == 2 && read.floor == 0 && read.isState && read.isComplete)
        #expect(read.born > 0 && read.epoch > 0)
        #expect(try item(history("post:x", after: 1)) == "2: c")
        #expect(try item(history("post:x", after: 2)) == "" && history("post:x", after: 2).isComplete)
        #expect(try item(history("post:x", bytes: 0)) == "2: c")
        #expect(try !history("thread:1").isState)
        try publish(2, [("d", ["post:x", "thread:1"])])
        #expect(try item(history("post:x")) == "3: d" && history("post:x").born == read.born)
        #expect(try library.redis.ask("SMEMBERS", "feeds").array?.count == 2, "a state is no feed")
        #expect(try library.imbalance() == 0)
    }

    @Test("each event of a state is announced as a feed's are, and so is one of a channel that keeps nothing")
    func announced() throws {
        let heard = try Announcements(["feed.publish:{post:x}", "feed.publish:{note:x}"], library: library)
        try publish(1, [("a", ["post:x", "note:x"]), ("b", ["post:x"])])
        try publish(2, [("c", ["note:x", "post:x"])])
        let lines = try heard.first(5)
        #expect(
            lines.filter { $0.contains("post") }
                == ["1|a", "2|b", "3|c"].map { "feed.publish:{post:x} \($0)" })
        #expect(lines.filter { $0.contains("note") } == ["1|a", "2|c"].map { "feed.publish:{note:x} \($0)" })
    }

    @Test("the place is where the event can be read longest, and the state lives as long")
    func longest() throws {
        try publish(1, [("a", ["thread:1", "forum:1", "post:x"]), ("b", ["post:y", "thread:1"])])
        #expect(try state("post:x")?.hasSuffix(" 1 forum:1") == true)
        #expect(try state("post:y")?.hasSuffix(" 2 thread:1") == true)
        let lives = try ["x", "y"].map { try library.redis.ask("PTTL", "feed.state:{post:\($0)}").integer ?? 0 }
        #expect((80_000...91_000).contains(lives[0]) && (50_000...61_000).contains(lives[1]), "\(lives)")
    }

    @Test("an event that no feed keeps is held by the state itself: no feed, a blocked one, or one that cut it at once")
    func itself() throws {
        try publish(1, [("a b", ["post:x", "note:x"])])
        #expect(try state("post:x")?.hasSuffix(" 1 is a b") == true)
        #expect(try item(history("post:x")) == "1: a b")
        #expect(try (40_000...51_000).contains(library.redis.ask("PTTL", "feed.state:{post:x}").integer ?? 0))
        try library.redis.ask("SET", "feed.ids:{thread:1}", "foreign")
        try publish(2, [(#"{"n":1}"#, ["thread:1", "post:x"])])
        #expect(try item(history("post:x")) == #"2: {"n":1}"#)
        #expect(try library.list(TidingsLibrary.dead).count == 1)
        try publish(3, [("old", ["thread:2", "post:y"])] + (1...9).map { ("e\($0)", ["thread:2"]) })
        #expect(try item(history("post:y")) == "1: old")
    }

    @Test("when the event fell off its history nothing is read and all is told to be gone; the next one is read again")
    func fallen() throws {
        try publish(1, [("a", ["thread:1", "post:x"])])
        try publish(2, (1...5).map { ("e\($0)", ["thread:1"]) })
        let read = try history("post:x")
        #expect(read.items.isEmpty && read.floor == 1 && read.last == 1 && read.isComplete)
        try publish(3, [("b", ["thread:1", "post:x"])])
        #expect(try item(history("post:x")) == "2: b" && history("post:x").floor == 0)
    }

    @Test("a feed that was born anew is not taken for the one where the event stood")
    func reborn() throws {
        try publish(1, [("a", ["thread:1", "post:x"])])
        try age("thread:1")
        #expect(try library.call(FunctionCall<SweepAnswer>.sweep(from: "0", share: 1)).removed == 1)
        try publish(2, [("other", ["thread:1"])])
        #expect(try history("post:x").items.isEmpty && history("post:x").floor == 1)
    }

    @Test("a channel that keeps nothing has numbers, a birth, and a floor that is its last number")
    func nothing() throws {
        try publish(1, [("a", ["note:x"]), ("b", ["note:x"])])
        let read = try history("note:x")
        #expect(read.items.isEmpty && read.last == 2 && read.floor == 2 && read.isComplete && !read.isState)
        try publish(2, [("c", ["note:x"])])
        #expect(try history("note:x").last == 3 && history("note:x").born == read.born)
        #expect(try library.redis.ask("KEYS", "*{note:x}").line == "[feed.state:{note:x}]")
        #expect(try library.redis.ask("PTTL", "feed.state:{note:x}").integer ?? 0 > 40_000)
    }

    @Test(
        "a channel whose kind is changed goes on with its birth and its numbers, and leaves no key of the other kind",
        arguments: ["state", "none"])
    func changed(_ word: String) throws {
        func write(_ kind: String, _ event: String) throws {
            try library.call("publish", ["c", kind, "60000", event])
        }
        let heard = try Announcements(["delfeed", "feed.publish:{c}"], library: library)
        for event in ["a", "b", "c"] { try write("10", event) }
        let born = try history("c").born
        try write(word, "d")
        #expect(try library.redis.ask("KEYS", "feed.*{c}").line == "[feed.state:{c}]")
        #expect(try library.redis.ask("SCARD", "feeds").integer == 0)
        #expect(try history("c").born == born && history("c").last == 4)
        #expect(try item(history("c")) == (word == "state" ? "4: d" : ""))
        try write("10", "e")
        #expect(try library.redis.ask("EXISTS", "feed.state:{c}").integer == 0)
        let read = try history("c")
        #expect(read.born == born && read.floor == 4 && item(read) == "5: e")
        try write("10/30000", "f")
        #expect(try item(history("c")) == "5: e, 6: f")
        #expect(
            try heard.first(7).filter { !$0.hasPrefix("delfeed") }
                == zip(1...6, ["a", "b", "c", "d", "e", "f"]).map { "feed.publish:{c} \($0)|\($1)" })
    }

    @Test("a feed from before its kind was a state is read as it was, until the next event")
    func upgraded() throws {
        for number in 1...3 { try library.call("publish", ["post:x", "100", "60000", "e\(number)"]) }
        #expect(try history("post:x").items.count == 3)
        try publish(1, [("e4", ["post:x", "thread:1"])])
        #expect(try item(history("post:x")) == "4: e4" && history("post:x").floor == 0)
    }

    @Test("a worker of version 12 publishes feeds of one length, and continues a state's numbers")
    func former() throws {
        try publish(1, [("a", ["post:x"])])
        try library.enqueue(["b"])
        #expect(
            try library.commit(
                token: token, serial: 2, ["b"],
                ["publish", "100", "60000", TidingsLibrary.dead, "10", "{t.0}:post:", "1", "", "", "b"],
                ["2", "post:x", "1", "1", "thread:1", "1", "1", "count", "out", "1"]) == "[OK]")
        #expect(try item(history("post:x")) == "2: b" && item(history("thread:1")) == "1: b")
        #expect(try library.redis.ask("EXISTS", "feed.state:{post:x}").integer == 0)
    }

    @Test(
        "a foreign key where a state should be makes dead letters, and is left alone",
        arguments: ["RPUSH feed.state:{post:x} foreign", "SET feed.state:{post:x} foreign", "RPUSH feed.swept x"])
    func foreign(_ damage: String) throws {
        let words = damage.split(separator: " ").map(String.init)
        if words[1] == "feed.swept" { try library.redis.ask("DEL", "feed.swept") }
        try library.redis.ask(words: words)
        let before = try library.redis.ask("DUMP", words[1]).bytes
        try library.redis.ask("HSET", "feed.config:{thread:1}", "type", "feed")
        try publish(1, [(#"{"n":1}"#, ["post:x"])])
        #expect(try library.redis.ask("DUMP", words[1]).bytes == before)
        let letters = try library.list(TidingsLibrary.dead).map(ParsedJSON.init(parsing:))
        #expect(letters.map { $0["event"] } == [#"{"channels":["post:x"],"n":1}"#])
        #expect(try library.imbalance() == 0)
        try library.redis.ask("DEL", words[1])
        try publish(2, [("b", ["post:x"])])
        #expect(try item(history("post:x")) == "1: b")
    }

    @Test("a user who may not write states is refused whole")
    func rights() throws {
        try library.redis.ask(
            "ACL", "SETUSER", "ann", "on", ">secret", "~feeds", "~feed.[cip]*", "~feed.swept", "&*", "+@all")
        let before = try library.redis.dump()
        let words = ["FCALL", "tidings_publish", "0", "post:x", "state", "60000", "a"]
        let answer = try library.server.cli(["--user", "ann", "--pass", "secret", "--no-auth-warning"] + words)
        #expect(answer.contains("SET on feed.state:{post:x}"), "\(answer)")
        #expect(try library.redis.dump() == before)
    }

    // MARK: Positions of channels that do not exist

    /// Whether a position that was given at that time is good, as an edge judges it.
    private func holds(_ time: Int64, in history: ChannelHistory) -> Bool {
        time > history.swept && (history.born == 0 || time <= history.born)
    }

    @Test(
        "a position of a post that did not exist is good until its state may have come and gone; then it is told",
        arguments: ["post:x", "note:x"])
    func unborn(_ channel: String) throws {
        let given = try history(channel).time
        #expect(try holds(given, in: history(channel)))
        try publish(1, [("other", ["post:y", "note:y"])])
        #expect(try holds(given, in: history(channel)), "other states come and go")
        try publish(2, [("a", [channel])])
        let lived = try history(channel)
        #expect(lived.born >= given && holds(given, in: lived))
        // It expires: the clock has passed its life by then.
        try library.redis.ask("DEL", "feed.state:{\(channel)}")
        try library.redis.ask("HINCRBY", "feed.swept", "time", "50001")
        let gone = try history(channel)
        #expect(gone.born == 0 && !holds(given, in: gone) && holds(gone.time, in: gone))
        #expect(try holds(given, in: history("thread:1")), "kinds with a history write down what was removed")
        try publish(3, [("b", [channel])])
        let again = try history(channel)
        if again.isState {
            #expect(holds(given, in: again), "a newer state makes good what was missed")
        } else {
            #expect(!holds(given, in: again) && holds(gone.time, in: again))
        }
    }

    @Test("a position that is given between two states is good, however short their lives are")
    func between() throws {
        let policies = ["kinds", "3", "thread", "5", "0", "1", "forum", "5", "0", "1", "post", "state", "0", "1"]
        for serial in 1...20 {
            let given = try history("post:x").time
            #expect(try holds(given, in: history("post:x")), "nothing was born since")
            try publish(serial, [("a", ["post:\(serial)"])], policies: policies)
            #expect(try history("post:x").time > given, "the birth of a state makes the time later")
            try eventually("the state expires") {
                try library.redis.ask("EXISTS", "feed.state:{post:\(serial)}").integer == 0
            }
            #expect(try !holds(given, in: history("post:\(serial)")), "it was missed")
        }
    }

    @Test("a clock that is behind what is written down makes no life shorter than a position expects")
    func clockBehind() throws {
        let ahead = try history("post:x").time + 3_600_000
        try library.redis.ask("HSET", "feed.swept", "time", "\(ahead)")
        try publish(1, [("a", ["post:x"])])
        #expect(try history("post:x").born == ahead)
        #expect(try library.redis.ask("PEXPIRETIME", "feed.state:{post:x}").integer == ahead + 50_000)
        #expect(try library.redis.ask("HGET", "feed.swept", "time").integer == ahead + 1)
    }

    @Test("an event costs far less as a state than as a feed of its own")
    func cost() throws {
        // What the server says of each key: all of its memory grows by leaps, when a table of it does.
        func memory(_ prefix: String) throws -> Int64 {
            try library.redis.ask("KEYS", "feed.*{\(prefix)-*").array?.reduce(0) { sum, key in
                sum + (try library.redis.ask("MEMORY", "USAGE", key.text ?? "", "SAMPLES", "0").integer ?? 0)
            } ?? 0
        }
        var serial = 0
        let event = "{\"text\":\"" + String(repeating: "x", count: 380) + "\"}"
        func cost(_ kind: String, _ prefix: String) throws -> (bytes: Int64, keys: Int64) {
            let keys = try library.redis.ask("DBSIZE").integer ?? 0
            for start in stride(from: 0, to: 200, by: 100) {
                try library.enqueue((0..<100).map { _ in event })
                var operations = ["publish", "kinds", "2", "thread", "100", "0", "60000", "post", kind, "0", "60000"]
                operations += [TidingsLibrary.dead, "10", "{t.0}:post:", "100"]
                for _ in 0..<100 { operations += ["", "", event] }
                operations += ["101", "thread:1", "1", "100"] + (1...100).map { "\($0)" }
                for index in 0..<100 {
                    operations += ["\(prefix)-0190b4a2-7c1e-7d3a-9f00-\(start + index)", "2", "1", "\(index + 1)"]
                }
                serial += 1
                #expect(
                    try library.commit(
                        token: token, serial: serial, Array(repeating: event, count: 100), operations) == "[OK]")
            }
            return (try memory(prefix) / 200, (try library.redis.ask("DBSIZE").integer ?? 0) - keys)
        }
        _ = try cost("100", "post:warm")
        let (feed, state) = (try cost("100", "post:f"), try cost("state", "post:s"))
        #expect(feed.keys == 800 && state.keys == 200, "\(feed), \(state)")
        #expect(state.bytes * 6 < feed.bytes, "bytes an event: \(feed), \(state)")
    }
}
