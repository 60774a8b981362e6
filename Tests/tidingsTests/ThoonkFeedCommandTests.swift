import Glibc
import TestSupport
import Testing

/// `tidings feed`, one process a command.
struct ThoonkFeedCommandTests {
    private let shell: ThoonkShell

    init() throws {
        shell = try ThoonkShell()
    }

    @Test("feeds of all types are created once, listed, configured, and deleted without a key left")
    func life() throws {
        #expect(try shell.lines("feed", "create", "news", "--max-length", "2", "title=a=b") == ["news created"])
        #expect(try shell.lines("feed", "create", "news")[0].hasPrefix("news was there"))
        for type in ["sorted_feed", "queue", "job"] {
            #expect(
                try shell.objects("feed", "create", "x-\(type)", "--type", type)
                    == [["name": .string("x-\(type)"), "created": true]])
        }
        let other = try shell.run("feed", "create", "news", "--type", "queue")
        #expect(other.exit == .code(1) && other.errors.contains("is of the type feed"), "\(other.errors)")
        #expect(
            try shell.lines("feed", "list") == [
                "feed\tnews", "job\tx-job", "queue\tx-queue", "sorted_feed\tx-sorted_feed",
            ])
        #expect(try shell.objects("feed", "list", "--type", "job") == [["name": "x-job", "type": "job"]])
        #expect(try shell.lines("feed", "list", "--match", "x-[jq]*") == ["job\tx-job", "queue\tx-queue"])
        #expect(try shell.lines("feed", "list", "--limit", "2") == ["feed\tnews", "job\tx-job"])
        #expect(
            try shell.lines("feed", "list", "--limit", "1", "--after", "x-job", "--match", "x-*") == ["queue\tx-queue"])
        #expect(try shell.lines("feed", "list", "--after", "x-sorted_feed") == [])
        let none = try shell.run("feed", "list", "--limit", "0")
        #expect(none.exit == .code(2) && none.errors.contains("--limit is 1 or more"), "\(none.errors)")

        #expect(try shell.lines("feed", "configure", "news", "--max-length", "3", "empty=") == [])
        #expect(try shell.lines("feed", "configure", "news") == ["empty=", "max_length=3", "title=a=b", "type=feed"])
        #expect(try shell.lines("feed", "configure", "x-job", "--claim-timeout", "90s") == [])
        #expect(try shell.objects("feed", "configure", "x-job") == [["claim_timeout": "90000", "type": "job"]])

        for name in ["news", "x-job", "x-queue", "x-sorted_feed"] {
            let unsure = try shell.run("feed", "delete", name)
            #expect(unsure.exit == .code(2) && unsure.errors.contains("--yes"), "\(unsure.errors)")
            #expect(try shell.lines("feed", "delete", name, "--yes") == ["\(name) deleted"])
        }
        #expect(try shell.server.cli("DBSIZE") == "0")
        let gone = try shell.run("feed", "delete", "news", "--yes")
        #expect(gone.exit == .code(1) && gone.errors.contains("tidings feed list"), "\(gone.errors)")
    }

    @Test("items are published, edited, read raw and as JSON, and retracted; the oldest fall off")
    func items() throws {
        _ = try shell.lines("feed", "create", "news", "--max-length", "3")
        let ids = try shell.lines("feed", "publish", "news", "one", "two")
        #expect(ids.count == 2 && Set(ids).count == 2)
        #expect(try shell.lines("feed", "publish", "news", "--id", "w", "sun") == ["w"])
        #expect(try shell.lines("feed", "publish", "news", "--id", "w", "-", input: "rain\n") == ["w"])
        // An edit in a full feed drops the oldest other one, as the contract has it.
        #expect(try shell.lines("feed", "ids", "news") == [ids[1], "w"])
        #expect(
            try shell.objects("feed", "get", "news")
                == [["id": .string(ids[1]), "item": "two"], ["id": "w", "item": "rain\n"]])
        #expect(try shell.lines("feed", "get", "news", ids[1]) == ["two"])
        #expect(try shell.objects("feed", "ids", "news") == [["id": .string(ids[1])], ["id": "w"]])

        let none = try shell.run("feed", "get", "news", ids[0])
        #expect(none.exit == .code(1) && none.errors.contains("no item '\(ids[0])'"), "\(none.errors)")
        #expect(try shell.lines("feed", "retract", "news", "w") == ["w\tdone"])
        let again = try shell.run("feed", "retract", "news", "w", ids[1], "--json")
        #expect(again.exit == .code(1) && again.errors.contains("no item 'w'"), "\(again.errors)")
        #expect(again.output.contains(#"{"id":"w","outcome":"absent"}"#), "\(again.output)")
        #expect(try shell.lines("feed", "ids", "news") == [])
    }

    @Test("lines of standard input are items as they stand, however many, and even when they are no text")
    func standardInput() throws {
        let lines = (1...1234).map { #"{"n":\#($0)}"# }
        let ids = try shell.lines("feed", "publish", "log", input: lines.joined(separator: "\n") + "\n\n")
        #expect(ids.count == 1235)
        #expect(try shell.lines("feed", "get", "log") == lines + [""])
        // What is no UTF-8, and NUL: as redis-cli puts it there.
        _ = try shell.server.cli("EVAL", "redis.call('HSET','feed.items:log',ARGV[1],'\\255\\0\\1')", "0", ids[0])
        _ = try shell.server.cli("EVAL", "redis.call('HSET','feed.items:log',ARGV[1],'a\\0b')", "0", ids[1])
        #expect(
            try shell.objects("feed", "get", "log", ids[0], ids[1])
                == [["id": .string(ids[0]), "base64": "/wAB"], ["id": .string(ids[1]), "item": "a\u{0}b"]])
    }

    @Test("a sorted feed keeps the order that is given, over many batches too")
    func sorted() throws {
        #expect(try shell.lines("feed", "append", "agenda", "b", "c") == ["1", "2"])
        #expect(try shell.lines("feed", "prepend", "agenda", "-", input: "a\n") == ["3"])
        #expect(try shell.lines("feed", "insert", "agenda", "--after", "1", "b1", "b2") == ["4", "5"])
        #expect(try shell.objects("feed", "insert", "agenda", "--before", "2", "b3") == [["id": "6"]])
        #expect(try shell.lines("feed", "get", "agenda") == ["a", "b", "b1", "b2", "b3", "c"])
        for (words, order) in [
            (["--first"], "6 3 1 4 5 2"), (["--last"], "3 1 4 5 2 6"), (["--before", "1"], "3 6 1 4 5 2"),
            (["--after", "1"], "3 1 6 4 5 2"),
        ] {
            let moved = try TidingsBinary.run(["feed", "move", "agenda", "6", "--redis", shell.server.url] + words)
            #expect(moved.succeeded && moved.output.isEmpty, "\(moved.errors)")
            #expect(try shell.lines("feed", "ids", "agenda") == order.split(separator: " ").map(String.init))
        }
        #expect(try shell.lines("feed", "edit", "agenda", "6", "new") == [])
        #expect(try shell.lines("feed", "edit", "agenda", "3", "-", input: "two\nlines") == [])
        #expect(try shell.objects("feed", "get", "agenda", "3", "6").map { $0["item"] } == ["two\nlines", "new"])
        #expect(try shell.lines("feed", "retract", "agenda", "6") == ["6\tdone"])

        let lines = (1...1100).map { "\($0)" }
        _ = try shell.lines("feed", "prepend", "long", input: lines.joined(separator: "\n"))
        #expect(try shell.lines("feed", "get", "long") == lines)

        for words in [
            ["move", "agenda", "99", "--first"], ["edit", "agenda", "99", "x"],
            ["insert", "agenda", "--after", "99", "x"],
        ] {
            let missing = try TidingsBinary.run(["feed"] + words + ["--redis", shell.server.url])
            #expect(missing.exit == .code(1) && missing.errors.contains("no item '99'"), "\(missing.errors)")
        }
        #expect(try shell.server.cli("GET", "feed.idincr:agenda") == "6")
    }

    @Test("tail prints what happens, goes on after Redis was gone, says what may be missing, and ends in order")
    func tail() throws {
        let tail = try shell.launch("feed", "tail", "news", "work", "--json")
        func isHeard() throws -> Bool {
            try shell.server.cli("PUBSUB", "NUMSUB", "feed.publish:news", "job.finish:work").contains(
                "1\njob.finish:work\n1")
        }
        try eventually(within: 20, "it follows; \(tail.errors)") { try isHeard() }
        _ = try shell.lines("feed", "publish", "news", "--id", "a", "one")
        _ = try shell.lines("feed", "publish", "news", "--id", "a", "two")
        _ = try shell.lines("feed", "publish", "other", "not for us")
        _ = try shell.lines("feed", "retract", "news", "a")
        let id = try shell.lines("job", "put", "work", "x")[0]
        _ = try shell.lines("job", "get", "work")
        _ = try shell.lines("job", "finish", "work", id, "--result", "done")
        func heard() throws -> [ParsedJSON] {
            try tail.output.split(separator: "\n").map { try ParsedJSON(parsing: String($0)) }
        }
        try eventually(within: 20, "it has heard of the job: \(tail.output)") {
            tail.output.contains(#""result":"done""#)
        }
        let events = try heard().filter { $0["event"] != "created" && $0["event"] != "configured" }
        #expect(
            events == [
                ["event": "published", "feed": "news", "id": "a", "item": "one"],
                ["event": "edited", "feed": "news", "id": "a", "item": "two"],
                ["event": "retracted", "feed": "news", "id": "a"],
                ["event": "finished", "feed": "work", "id": .string(id), "result": "done"],
            ])
        #expect(try heard().contains(["event": "created", "feed": "news"]))

        try shell.server.restart()
        try eventually(within: 20, "it says that it was away: \(tail.errors)") {
            tail.errors.contains("events in between are missing")
        }
        try eventually(within: 20, "it follows again") { try isHeard() }
        _ = try shell.lines("feed", "publish", "news", "--id", "b", "back")
        try eventually(within: 20, "it has heard") { tail.output.contains(#""item":"back""#) }
        tail.send(SIGTERM)
        #expect(try tail.wait() == .code(0))
    }

    @Test("tail of everything hears of feeds that are yet to be made, and prints raw lines")
    func tailAll() throws {
        let tail = try shell.launch("feed", "tail")
        try eventually(within: 20, "it follows; \(tail.errors)") {
            try shell.server.cli("PUBSUB", "NUMPAT") == "5"
        }
        _ = try shell.lines("feed", "append", "agenda", "first", "second")
        try eventually(within: 20, "it has heard: \(tail.output)") { tail.output.contains("moved\tagenda\t2\tlast\n") }
        #expect(tail.output.contains("created\tagenda\n"))
        #expect(tail.output.contains("published\tagenda\t1\tfirst\n"))
        tail.send(SIGINT)
        #expect(try tail.wait() == .code(0))
    }

    @Test("a key of a foreign type is an error in one line, and nothing is written")
    func foreign() throws {
        _ = try shell.server.cli("SET", "feed.items:odd", "x")
        for words in [["feed", "publish"], ["feed", "append"], ["queue", "put"], ["job", "put"]] {
            let result = try TidingsBinary.run(words + ["odd", "item", "--redis", shell.server.url])
            #expect(result.exit == .code(1), "\(words)")
            #expect(result.errors.hasPrefix("tidings: ") && result.errors.split(separator: "\n").count == 1)
        }
        #expect(try shell.server.cli("KEYS", "*") == "feed.items:odd")
    }

    @Test(
        "wrong use exits 2 and says what is right",
        arguments: [
            (["feed", "publish", "news", "--id", "a", "x", "y"], "--id is for a single item"),
            (["feed", "insert", "agenda", "x"], "--before ID or --after ID"),
            (["feed", "move", "agenda", "1", "--first", "--last"], "one of --first"),
            (["feed", "create", "news", "noequals"], "FIELD=VALUE"),
            (["feed", "create", "news", "type=job"], "--type TYPE"),
            (["feed", "create", "news", "--max-length", "-1"], "--max-length"),
            (["feed", "create", "news", "max_length=-5"], "max_length is '-5'; it takes a whole number from 0"),
            (["feed", "configure", "news", "claim_timeout=90s"], "claim_timeout is '90s'; it takes"),
            (["queue", "get", "q", "--count", "0"], "--count takes 1 to 1000"),
            (["queue", "get", "q", "--timeout", "5"], "--timeout"),
            (["job", "finish", "j", "1", "2", "--token", "3"], "give one id"),
            (["job", "retry", "j"], "--all"), (["job", "extend", "j", "1"], "--by"),
            (["bench", "jobs", "--runs", "0"], "nothing to measure"),
            (["feed", "list", "--redis", "http://x"], "unknown scheme"),
        ])
    func wrongUse(arguments: [String], expected: String) throws {
        let result = try TidingsBinary.run(arguments)
        #expect(result.exit == .code(2), "\(result.errors)")
        #expect(result.errors.contains(expected), "\(result.errors)")
    }

    @Test("without a Redis all of them exit 75 at once and say what to do")
    func noRedis() throws {
        for words in [["feed", "list"], ["queue", "get", "q"], ["job", "get", "j"], ["feed", "tail"]] {
            let result = try TidingsBinary.run(words + ["--redis", "unix:///nowhere/redis.sock"], within: 5)
            #expect(result.exit == .code(75) && result.errors.contains("tidings up"), "\(result.errors)")
        }
    }
}
