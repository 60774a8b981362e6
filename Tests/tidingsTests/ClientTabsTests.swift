import TestSupport
import Testing

/// What a tab makes of the words of the tab that leads. The leader and the edge are played by the test.
@Suite(.serialized, .browser)
struct ClientTabsTests {
    let server: RedisServer
    let edge: EdgePool
    let browser: WebDriver
    let leader: WebWindow

    init() throws {
        // Only for an origin: locks and channels between tabs need one.
        server = try RedisServer()
        edge = try EdgePool(server.url, workers: 1)
        browser = try .ofSuite()
        leader = try browser.open("http://127.0.0.1:\(edge.port)/live")
        try leader.execute(
            """
            const name = "tidings/1 https://edge.example/base poll ";
            window.heard = [];
            window.bus = new BroadcastChannel(name);
            bus.onmessage = ({ data }) => heard.push(data);
            window.say = (type, content) => bus.postMessage({ type, id: "leader", isLeader: true, ...content });
            window.place = (number) => `0000000001_0000000000001_${String(number).padStart(16, "0")}`;
            window.step = (from, next, events, reset = false) =>
              say("news", { news: new Map([["thread:a", { from: place(from), next: place(next), events, reset }]]) });
            window.unborn = (time) => `0000000001_0000000000000_${String(time).padStart(16, "0")}`;
            window.isLeading = false;
            navigator.locks.request(`${name} lead`, () => { isLeading = true; return new Promise(() => {}); });
            """)
        try eventually(within: 10, "the lock is held") { try leader.execute("return isLeading").bool == true }
    }

    /// A tab that follows `thread:a` from the place of number 2, where the leader stands, or from another place.
    private func follower(from own: String = "place(2)") throws -> ClientStage {
        let address = "http://127.0.0.1:\(edge.port)/live"
        let stage = try ClientStage(in: browser, at: address, options: "{ shared: true }")
        try stage.run(
            """
            window.place = (number) => `0000000001_0000000000001_${String(number).padStart(16, "0")}`;
            window.unborn = (time) => `0000000001_0000000000000_${String(time).padStart(16, "0")}`;
            follow("thread:a", { from: \(own) });
            """)
        try eventually(within: 10, "it says what it wants") {
            try leader.execute("return heard.some(({ type, channels }) => type === 'join' && channels.has('thread:a'))")
                .bool == true
        }
        try leader.execute("say('lead', { heads: new Map([['thread:a', \(own)]]), state: 'live', until: 0 })")
        try stage.expect("tidings.state", #""live""#)
        return stage
    }

    @Test("a step is taken where it fits, cut where it overlaps, and left where it is known")
    func steps() throws {
        let stage = try follower()
        try leader.execute(
            """
            step(2, 4, [3, 4]); step(2, 4, [3, 4]); step(3, 6, [4, 5, 6]); step(1, 3, [2, 3]); step(6, 6, []);
            step(5, 7, [6, 7]);
            """)
        try stage.expect("log", "[3,4,5,6,7]")
        #expect(try stage.value("asked.length") == "0")
    }

    @Test(
        "the first events are taken where the tab is not before the leader, and read where it is: it may have missed some",
        arguments: [(1_700_000_000_005, 0), (1_700_000_000_004, 0), (1_700_000_000_003, 1)])
    func firstEvents(_ time: Int, _ asked: Int) throws {
        let stage = try follower(from: "unborn(\(time))")
        try stage.run(
            """
            respond = ({ channels }) => channels["thread:a"] === unborn(\(time))
              ? { body: news("thread:a", place(2), [1, 2], true) } : undefined;
            """)
        try leader.execute(
            """
            say("news", { news: new Map([["thread:a",
              { from: unborn(1700000000004), next: place(2), events: [1, 2], reset: false }]]) });
            step(2, 3, [3]);
            """)
        try stage.expect("log", asked == 0 ? "[1,2,3]" : #"["reset",1,2,3]"#)
        #expect(try stage.value("asked.length") == "\(asked)")
    }

    @Test("what is missing before a step is read from the edge, and then the steps are followed again")
    func gap() throws {
        let stage = try follower()
        try stage.run(
            """
            respond = ({ channels }) =>
              channels["thread:a"] === place(2) ? { body: news("thread:a", place(6), [3, 4, 5, 6]) } : undefined;
            """)
        try leader.execute("step(4, 5, [5]); step(5, 7, [6, 7]); step(7, 8, [8])")
        try stage.expect("log", "[3,4,5,6,7,8]")
        #expect(try stage.value("asked.length") == "1")
    }

    @Test("where events were taken out of the history an overlap is not guessed at, but read")
    func retracted() throws {
        let stage = try follower()
        try stage.run(
            """
            respond = ({ channels }) =>
              channels["thread:a"] === place(4) ? { body: news("thread:a", place(9), [8, 9]) } : undefined;
            """)
        try leader.execute("step(2, 4, [3, 4]); step(3, 9, [4, 8, 9])")
        try stage.expect("log", "[3,4,8,9]")
    }

    @Test("a reset is handed on, and one that a tab has missed is told by the edge")
    func resets() throws {
        let stage = try follower()
        try leader.execute("step(2, 1, ['anew'], true)")
        try stage.expect("log", #"["reset","anew"]"#)
        try stage.run(
            "respond = ({ channels }) => channels['thread:a'] === place(1)"
                + " ? { body: news('thread:a', place(0), ['again'], true) } : undefined")
        try leader.execute("step(5, 0, ['again'], true)")
        try stage.expect("log", #"["reset","anew","reset","again"]"#)
    }

    @Test("a channel that the leader may not read is asked for by the tab itself")
    func refused() throws {
        let stage = try follower()
        try stage.run(
            "respond = ({ channels }) => channels['thread:a'] === place(2)"
                + " ? { body: news('thread:a', place(3), [3]) } : undefined")
        try leader.execute("say('refused', { channel: 'thread:a' })")
        try stage.expect("log", "[3]")
        try stage.expect("asked.length", "2")
        #expect(try stage.value("errors") == "[]")
    }

    @Test("the state is the leader's, and a wish to retry goes to the leader")
    func states() throws {
        let stage = try follower()
        try leader.execute("say('state', { state: 'waiting', until: 12345 })")
        try stage.expect("tidings.state", #""waiting""#)
        try stage.run("tidings.retry()")
        try eventually(within: 5) { try leader.execute("return heard.at(-1).type").string == "retry" }
    }
}
