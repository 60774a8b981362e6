import Glibc
import TestSupport
import Testing

/// `tidings.js` in the tabs of a real browser, over a whole Tidings.
@Suite(.serialized, .browser)
struct ClientTests {
    let tidings: TidingsUp
    let browser: WebDriver

    init() throws {
        tidings = try TidingsUp(
            configuration: """
                stages: [validate, { moderate: { author_rate: none } }, format, route, { publish: { history: 20000 } }]
                """)
        browser = try .ofSuite()
    }

    private func page(options: String = "{}") throws -> ClientPage {
        try ClientPage(address, options: options, in: browser)
    }

    /// Any page of the edge's origin will do.
    private var address: String { "http://127.0.0.1:\(tidings.port)/live" }

    /// Posts until it is taken: an edge that has just begun may have no connection to Redis yet. Repeats are dropped.
    private func post(_ texts: [String], to thread: String = "a") throws {
        let comments = texts.map { text -> ParsedJSON in
            ["thread": .string(thread), "text": .string(text), "event_id": .string("\(thread) \(text)")]
        }
        var failure: (any Error)?
        try eventually(within: 20, "comments are taken, not: \(String(describing: failure))", every: 0.05) {
            do {
                try tidings.post(comments)
                return true
            } catch {
                failure = error
                return false
            }
        }
    }

    @Test("tabs share one connection, each gets the channels it asked for, and what one has closed is not asked for")
    func sharing() throws {
        let first = try page()
        try first.subscribe("thread:a")
        try first.waitUntilLive()
        try post(["one"])
        try first.expect(["one"])

        let second = try page()
        try second.subscribe("thread:a")
        try second.subscribe("thread:b", options: "{ from: 'now' }")
        try second.waitUntilLive()
        try post(["two"])
        try first.expect(["one", "two"])
        try second.expect(["one", "two"])
        try post(["three"], to: "b")
        try second.expect(["one", "two", "three"])
        #expect(try first.log == ["one", "two"])

        // The first leads. What the second had missed it read by itself, with one request.
        #expect(try first.number("mostOpen") == 1)
        #expect(try first.number("open") == 1)
        #expect(try second.number("requests") == 1)
        #expect(try second.number("open") == 0)

        try second.window.execute("subscriptions[1].close()")
        try post(["four"], to: "b")
        try post(["five"])
        try second.expect(["one", "two", "three", "five"])
    }

    @Test("when the tab that leads goes, the next goes on where it stood, and misses and repeats nothing")
    func leaderLeaves() throws {
        let pages = try (0..<3).map { _ in try page() }
        var texts: [String] = []
        for page in pages {
            try page.subscribe("thread:a")
            try page.waitUntilLive()
        }
        for (index, page) in pages.enumerated() {
            texts.append("before \(index)")
            try post([texts[texts.count - 1]])
            for rest in pages[index...] { try rest.expect(texts) }
            guard index < 2 else { break }
            try page.leave()
            texts.append("after \(index)")
            try post([texts[texts.count - 1]])
        }
        #expect(try pages[2].number("open") == 1)
    }

    @Test("10,000 events come once and in order, over dying edges, a reload and the loss of the tab that leads")
    func manyEvents() throws {
        var random = SplitMix64()
        let total = 10_000
        let texts = (0..<total).map { "number \($0)" }
        let first = try page()
        try first.subscribe("thread:a")
        let second = try page()
        try second.subscribe("thread:a", options: "{ from: 'resume', otherwise: '-1' }")
        var beforeReload: [String] = []
        var third: ClientPage?
        let batches = Array(stride(from: 0, to: total, by: 250))
        var moments = Array(1..<batches.count - 1)
        moments.shuffle(using: &random)
        let kills = Set(moments.prefix(2))
        for (index, start) in batches.enumerated() {
            try post(Array(texts[start..<start + 250]))
            if kills.contains(index) { try tidings.killEdges() }
            if index == moments[2] {
                third = try page()
                try third?.subscribe("thread:a")
            }
            if index == moments[3] {
                beforeReload = try second.log
                try second.window.load(address)
                try second.start()
                try second.subscribe("thread:a", options: "{ from: 'resume', otherwise: '-1' }")
            }
            if index == moments[4] {
                let log = try first.log
                #expect(log == Array(texts.prefix(log.count)), "seed \(random.seed)")
                try first.leave()
            }
        }
        do {
            // Between reading the log and reloading events may have come: the reload goes on behind them.
            try eventually(within: 60, "the last event", every: 0.05) { try second.log.last == texts.last }
            let afterReload = try second.log
            #expect(afterReload == Array(texts.suffix(afterReload.count)))
            #expect(afterReload.count + beforeReload.count <= total)
            try third?.expect(texts, within: 60)
        } catch {
            throw TestSupportError("seed \(random.seed): \(error)")
        }
    }

    @Test("a page that is loaded anew goes on behind the last event that it had")
    func reload() throws {
        let page = try page()
        try page.subscribe("thread:a", options: "{ from: 'resume' }")
        try page.waitUntilLive()
        try post(["one", "two"])
        try page.expect(["one", "two"])
        try page.window.load("about:blank")
        try post(["three", "four"])
        try page.window.load(address)
        try page.start()
        try page.subscribe("thread:a", options: "{ from: 'resume' }")
        try page.expect(["three", "four"])
        try post(["five"])
        try page.expect(["three", "four", "five"])
    }

    @Test("without a network nothing is asked; with it what was missed comes at once")
    func networkCut() throws {
        let pages = [try page(), try page()]
        for page in pages {
            try page.subscribe("thread:a")
            try page.waitUntilLive()
        }
        try post(["before"])
        for page in pages { try page.expect(["before"]) }
        for page in pages { try page.window.setOffline(true) }
        for page in pages {
            try eventually(within: 20, "the page is offline", every: 0.02) { try page.state == "offline" }
        }
        let requests = try pages.map { try $0.number("requests") }
        try post(["meanwhile"])
        try tidings.waitUntilIdle()
        #expect(try pages.map { try $0.number("requests") } == requests)
        #expect(try pages.map { try $0.number("open") } == [0, 0])
        for page in pages { try page.window.setOffline(false) }
        for page in pages { try page.expect(["before", "meanwhile"], within: 10) }
        for page in pages { try page.waitUntilLive() }
    }

    @Test("edges that answer nothing and then go on cost time and no event")
    func edgesStopped() throws {
        let page = try page(options: "{ hold: 1 }")
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        let edges = tidings.edges
        for pid in edges { kill(pid, SIGSTOP) }
        // The deadline of a poll of one second is a fifth and ten seconds later.
        try eventually(within: 30, "the page has given the poll up", every: 0.05) {
            try page.strings("states").contains("waiting")
        }
        for pid in edges { kill(pid, SIGCONT) }
        try post(["later"])
        try page.expect(["later"])
        try page.waitUntilLive()
    }

    @Test("after a restart of Redis each tab is told once that its history begins anew")
    func redisRestarts() throws {
        let pages = [try page(), try page()]
        for page in pages {
            try page.subscribe("thread:a")
            try page.waitUntilLive()
        }
        try post(["one", "two"])
        for page in pages { try page.expect(["one", "two"]) }
        // What everysec may lose is not the matter here.
        #expect(try tidings.redis("CONFIG", "SET", "appendfsync", "always") == "OK")
        let lines = try tidings.redis("INFO", "server").split(whereSeparator: \.isNewline)
        let pid = lines.first { $0.hasPrefix("process_id:") }.flatMap { Int32($0.dropFirst("process_id:".count)) }
        kill(try #require(pid), SIGKILL)
        for page in pages { try page.expect(["one", "two", "reset", "one", "two"], within: 40) }
        try post(["three"])
        for page in pages { try page.expect(["one", "two", "reset", "one", "two", "three"]) }
    }

    @Test("a callback that throws is told to onError, and keeps nothing from coming")
    func throwingCallback() throws {
        let page = try page()
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        try page.window.execute("window.onEach = () => { throw new Error('of the page') }")
        try post(["one", "two"])
        try page.expect(["one", "two"])
        try eventually(within: 5) { try page.strings("errors").count == 2 }
        #expect(try page.strings("errors").allSatisfy { $0.contains("of the page") })
        // Without onError they go where uncaught errors go.
        try page.window.execute("tidings.subscribe('thread:b', { onEvent() { throw new Error('uncaught one') } })")
        try page.subscribe("thread:b")
        try page.waitUntilLive()
        try post(["three"], to: "b")
        try page.expect(["one", "two", "three"])
        #expect(try page.strings("uncaught").count == 1)
    }

    @Test("a tab that leads without a word is replaced, and is none the worse for it")
    func silentLeader() throws {
        let first = try page()
        try first.subscribe("thread:a")
        try first.waitUntilLive()
        try first.window.execute("BroadcastChannel.prototype.postMessage = () => {}")
        let second = try page()
        try second.subscribe("thread:a")
        // It waits five seconds for a word.
        try eventually(within: 30, "the second tab has a connection", every: 0.05) { try second.number("open") == 1 }
        try eventually(within: 10, "the first has none", every: 0.05) { try first.number("open") == 0 }
        try post(["one"])
        for page in [first, second] { try page.expect(["one"]) }
    }

    @Test(
        "a page in the back-forward cache holds no connection and no lead, and comes back to what it missed")
    func backForwardCache() throws {
        let page = try page()
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        try page.window.execute("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        #expect(try page.state == "hidden")
        try eventually(within: 5, "its request ends") { try page.number("open") == 0 }
        let other = try self.page()
        try other.subscribe("thread:a")
        try other.waitUntilLive()
        #expect(try other.number("open") == 1)
        try post(["one"])
        try other.expect(["one"])
        #expect(try page.log == [])
        try page.window.execute("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        try page.expect(["one"])
        #expect(try page.number("open") == 0)
    }

    @Test("more channels than a poll takes are followed over several, and all tabs' channels together")
    func manyChannels() throws {
        let pages = [try page(), try page()]
        let ranges = [0..<70, 60..<110]
        for (page, range) in zip(pages, ranges) {
            try page.window.execute(
                """
                for (let index = \(range.lowerBound); index < \(range.upperBound); index += 1) {
                  subscriptions.push(tidings.subscribe(`thread:m${index}`, { onEvent: ({ html }) => log.push(html) }));
                }
                """)
            try page.waitUntilLive()
        }
        for index in stride(from: 0, to: 110, by: 10) { try post(["for \(index)"], to: "m\(index)") }
        for (page, range) in zip(pages, ranges) {
            let wanted = range.filter { $0 % 10 == 0 }.map { "for \($0)" }
            try eventually(within: 20, "all channels' events", every: 0.02) { try page.count == wanted.count }
            #expect(try Set(page.log) == Set(wanted))
        }
        #expect(try pages[0].number("open") == 3)
        #expect(try pages[1].number("open") == 0)
    }

    @Test("close leaves no request, no timer and no lock behind")
    func close() throws {
        let page = try page()
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        try page.window.execute("tidings.close()")
        #expect(try page.state == "closed")
        try eventually(within: 5, "its request ends") { try page.number("open") == 0 }
        try page.window.execute(
            """
            window.locks = [];
            navigator.locks.query().then(({ held, pending }) => { locks = [...held, ...pending, "asked"]; });
            """)
        try eventually(within: 5) { try page.number("locks.length") > 0 }
        #expect(try page.number("locks.length") == 1)
        try post(["one"])
        let other = try self.page()
        try other.subscribe("thread:a")
        try other.expect(["one"])
        #expect(try page.log == [])
    }
}
