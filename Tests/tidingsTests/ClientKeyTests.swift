import TestSupport
import Testing

/// Where `tidings.js` keeps its edit key, and who gets to see it. The pages have the origin of an edge, and with it
/// storage; the edge that they write to is played by the test.
@Suite(.serialized, .browser)
struct ClientKeyTests {
    let tidings: TidingsUp
    let browser: WebDriver

    init() throws {
        tidings = try TidingsUp()
        browser = try .ofSuite()
    }

    private func stage(options: String = "{}") throws -> ClientStage {
        try ClientStage(in: browser, at: "\(tidings.origin)/live", options: options)
    }

    /// The key that a page shows with a write.
    private func key(of stage: ClientStage, id: String = "1") throws -> String {
        try stage.run(
            """
            written.length = 0;
            outcomes.length = 0;
            outcome(tidings.post({ thread: "a", id: "\(id)", text: "x" }));
            """)
        try stage.expect("outcomes.length", "1")
        return try stage.value("written[0].headers['Edit-Key']")
    }

    @Test("the key and what was posted with it are known to other tabs and after the page is loaded anew")
    func kept() throws {
        let first = try stage()
        let second = try stage()
        try second.run("window.list = tidings.list('thread:a', {})")
        let key = try key(of: first)
        #expect(key.count == 24)
        try second.expect("list.isMine({ thread: 'a', id: '1' })", "true")
        #expect(try self.key(of: second, id: "2") == key)
        let later = try stage()
        try later.run("window.list = tidings.list('thread:a', {})")
        #expect(try later.value("['1', '2', '3'].map((id) => list.isMine({ thread: 'a', id }))") == "[true,true,false]")
        #expect(try self.key(of: later, id: "3") == key)
    }

    @Test("an edge of another origin is shown another key, and no write follows a redirect")
    func otherOrigin() throws {
        let stage = try stage()
        let key = try key(of: stage)
        try stage.run(
            """
            window.other = new Tidings("https://other.example/base", { shared: false, storage: null });
            written.length = 0;
            outcome(other.post({ thread: "a", text: "x" }));
            """)
        try stage.expect("written.length", "1")
        #expect(try stage.value("written[0].headers['Edit-Key']") != key)
        #expect(try stage.value("localStorage.getItem('tidings-writer:https://edge.example:key')") == key)
        #expect(try stage.value("localStorage.getItem('tidings-writer:https://other.example:key')") != key)
        try stage.run(
            """
            const original = window.fetch;
            window.fetch = (address, init) => { window.redirect = init.redirect; return original(address, init); };
            outcome(tidings.remove({ thread: "a", id: "1" }));
            """)
        try stage.expect("redirect", #""error""#)
    }

    @Test("with keyStorage null, and where storage is forbidden, the key lives in the page and nowhere else")
    func notKept() throws {
        let stage = try stage(options: "{ keyStorage: null }")
        try stage.run("localStorage.clear(); window.list = tidings.list('thread:a', {})")
        let first = try key(of: stage)
        #expect(try key(of: stage, id: "2") == first)
        #expect(try stage.value("list.isMine({ thread: 'a', id: '1' })") == "true")
        let stored = "Object.keys(localStorage).filter((name) => name.startsWith('tidings-writer'))"
        #expect(try stage.value(stored) == "[]")
        #expect(try key(of: self.stage(options: "{ keyStorage: null }")) != first)

        try stage.run(
            """
            const refuse = () => { throw new DOMException("no storage", "SecurityError"); };
            Object.defineProperty(window, "localStorage", { get: refuse });
            tidings.close();
            window.tidings = new Tidings("https://edge.example", { shared: false, storage: null });
            """)
        let second = try key(of: stage)
        #expect(second != first)
        #expect(try key(of: stage, id: "2") == second)
    }

    @Test("a key that somebody has spoiled is replaced, and spoiled names of comments are nobody's")
    func spoiled() throws {
        let stage = try stage()
        try stage.run(
            """
            tidings.close();
            localStorage.setItem("tidings-writer:https://edge.example:key", "short\\nkey");
            localStorage.setItem("tidings-writer:https://edge.example:own", "{");
            window.tidings = new Tidings("https://edge.example", { shared: false, storage: null });
            """)
        #expect(try key(of: stage).count == 24)
    }

    @Test("only the last 500 comments are remembered")
    func bounded() throws {
        let stage = try stage()
        try stage.run(
            """
            localStorage.setItem("tidings-writer:https://edge.example:own",
              JSON.stringify(Array.from({ length: 500 }, (_, index) => `old\\n${index}`)));
            window.list = tidings.list("thread:a", {});
            """)
        _ = try key(of: stage)
        let later = try self.stage()
        try later.run("window.list = tidings.list('thread:a', {})")
        let own = "[['old', '0'], ['old', '1'], ['a', '1']].map(([thread, id]) => list.isMine({ thread, id }))"
        #expect(try later.value(own) == "[false,true,true]")
    }
}
