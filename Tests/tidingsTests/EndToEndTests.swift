import Glibc
import TestSupport
import Testing

/// The main job, with real processes: comments in, five stages, readers on long-polls.
@Suite(.serialized)
struct EndToEndTests {
    private static let threads = ["psy", "lmfao", "katy perry 🎤"]

    /// Comments as a file of them has: markup, links, emoji, repeats, and a few that are no good.
    private static func comments(_ count: Int) throws -> (lines: String, good: [String: [String]]) {
        let texts = [
            "plain words", "<b>bold</b> & \\\"quoted\\\"", "see https://example.org/?a=1&b=2", "emoji 🎉 and ünï",
            "two\\nlines  and\\ttabs", "@reader-7 look", "<script>alert(1)</script>", "שלום עולם",
        ]
        var lines: [String] = []
        var good: [String: [String]] = [:]
        for index in 0..<count {
            let thread = threads[index % threads.count]
            let start = "{\"id\":\"c-\(index)\",\"thread\":\"\(thread)\",\"forum\":\"music\","
            let author = "\"author\":{\"id\":\(index % 200),\"email\":\"a@example.org\"},"
            switch index % 50 {
            case 48:
                lines.append(start + author + "\"text\":\"  \"}")
            case 49:
                lines.append(
                    start + author + "\"text\":\"http://a.example http://b.example http://c.example www.d.example\"}")
            default:
                lines.append(start + author + "\"text\":\"\(texts[index % texts.count])\"}")
                good[thread, default: []].append("c-\(index)")
                // The same again is a repeat.
                if index % 50 == 7, let line = lines.last { lines.append(line) }
            }
        }
        return (lines.joined(separator: "\n") + "\n", good)
    }

    @Test("every comment that goes in comes out once and in order, and the counters of each stage add up")
    func everyComment() throws {
        let up = try TidingsUp(
            configuration: "stages: [validate, moderate, format, route, { publish: { history: 5000 } }]\n")
        let readers = Self.threads.map { thread in
            ChannelReader("thread:\(thread)", from: "-1", hold: 2) { [port = up.port] in port }
        }
        let (lines, good) = try Self.comments(1200)
        let enqueued = try up.run("enqueue", "--json", "-", input: lines)
        #expect(enqueued.succeeded, "\(enqueued.errors)")
        let sent = lines.split(separator: "\n").count
        #expect(try ParsedJSON(parsing: enqueued.output)["enqueued"]?.integer == sent)
        try up.waitUntilIdle()

        let status = try up.status()
        var dropped = 0
        var held = 0
        var dead = 0
        for lane in status["lanes"]?.array ?? [] {
            func count(_ name: String) -> Int { lane[name]?.integer ?? 0 }
            let gone = count("out") + count("dropped") + count("held") + count("dead")
            #expect(count("in") == gone + count("waiting"), "\(lane)")
            dropped += count("dropped")
            held += count("held")
            dead += count("dead")
        }
        #expect(dropped == 24 && held == 24 && dead == 24, "\(dropped) dropped, \(held) held, \(dead) dead")

        for (reader, thread) in zip(readers, Self.threads) {
            let expected = good[thread] ?? []
            try eventually(within: 20, "\(reader.channel): \(reader.ids.count) of \(expected.count) events") {
                reader.ids.count >= expected.count
            }
            #expect(reader.ids == expected)
            let feed = try up.redis("ZRANGE", "feed.ids:{thread:\(thread)}", "0", "-1").split(separator: "\n")
            #expect(feed.map(String.init) == expected.indices.map { String($0 + 1) })
            let last = try up.redis("HGET", "feed.items:{thread:\(thread)}", String(expected.count))
            #expect(try ParsedJSON(parsing: last)["id"]?.string == expected.last)
            for event in reader.events {
                #expect(event["html"]?.string?.contains("<script") == false && event["text"] == nil)
                #expect(event["author"]?["email"] == nil)
            }
        }
    }

    @Test("what a stranger pushes into the open door reaches a held long-poll, escaped")
    func stranger() throws {
        let up = try TidingsUp()
        let reader = ChannelReader("thread:t1", from: "now", hold: 20) { [port = up.port] in port }
        try eventually(within: 20, "the reader is held") {
            try HTTPClient(port: up.port).get("/metrics").text.contains("tidings_edge_held 1")
        }
        #expect(try up.redis("RPUSH", "comments:incoming", #"{"thread":"t1","text":"hi <script>"}"#) == "1")
        try eventually(within: 10, "the comment arrives") { !reader.events.isEmpty }
        #expect(reader.events[0]["html"]?.string == "hi &lt;script&gt;")
        #expect(try up.redis("RPUSH", "comments:incoming", "no JSON", #"["an array"]"#) == "2")
        try eventually(within: 10, "both become dead letters") {
            try up.redis("LLEN", "comments:dead:incoming") == "2"
        }
        let letter = try ParsedJSON(parsing: up.redis("LINDEX", "comments:dead:incoming", "0"))
        #expect(letter["event"]?.string == "no JSON")
        #expect(letter["error"]?.string?.hasPrefix("not a JSON object") == true)
    }

    @Test("kills of workers at random moments neither lose nor double an event, and order holds")
    func workersDie() throws {
        var random = SplitMix64()
        let up = try TidingsUp(
            configuration: """
                batch: 16
                stages: [validate, { moderate: { author_rate: 1000000/min } }, format, route, { publish: { history: 5000 } }]
                """)
        let reader = ChannelReader("thread:t", from: "-1", hold: 2) { [port = up.port] in port }
        let total = 3000
        var sent = 0
        while sent < total {
            let lines = (sent..<min(sent + 300, total)).map {
                "{\"id\":\"c-\($0)\",\"thread\":\"t\",\"text\":\"number \($0)\"}"
            }
            let result = try up.run("enqueue", "-", input: lines.joined(separator: "\n"))
            #expect(result.succeeded, "\(result.errors)")
            sent += lines.count
            if let victim = up.workers.randomElement(using: &random) { kill(victim, SIGKILL) }
        }
        try up.waitUntilIdle(within: 60)
        try eventually(within: 30, "seed \(random.seed): \(reader.ids.count) of \(total) events") {
            reader.ids.count >= total
        }
        #expect(reader.ids == (0..<total).map { "c-\($0)" }, "seed \(random.seed)")
        let dead = try up.status()["lanes"]?.array?.reduce(0) { $0 + ($1["dead"]?.integer ?? 0) }
        #expect(dead == 0, "seed \(random.seed)")
    }

    @Test("Ctrl-C ends everything that up has started, and exits 0")
    func controlC() throws {
        let up = try TidingsUp()
        let children = ProcessTable.descendants(of: up.process.pid).map(\.pid)
        #expect(children.count >= 5)
        up.process.send(SIGINT)
        #expect(try up.process.wait(within: 30) == .code(0))
        try eventually(within: 10, "all children end") { children.allSatisfy { kill($0, 0) != 0 } }
    }

    @Test("what up has started ends with it also when it is killed")
    func killed() throws {
        let up = try TidingsUp()
        let children = ProcessTable.descendants(of: up.process.pid).map(\.pid)
        kill(up.process.pid, SIGKILL)
        try eventually(within: 40, "all children end") { children.allSatisfy { kill($0, 0) != 0 } }
    }

    @Test("a second up on the same data says that the first one has it")
    func twice() throws {
        let up = try TidingsUp()
        let second = try up.run("up", "--listen", "127.0.0.1:0")
        #expect(second.exit == .code(1))
        #expect(second.errors.contains("another 'tidings up'"))
    }
}
