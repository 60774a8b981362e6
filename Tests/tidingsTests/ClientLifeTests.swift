import TestSupport
import Testing

/// `tidings.js` over the life of a page: hidden, frozen, closed and opened again in another window.
@Suite(.serialized, .browser)
struct ClientLifeTests {
    let tidings: TidingsUp
    let browser: WebDriver

    init() throws {
        tidings = try TidingsUp()
        browser = try .ofSuite()
    }

    private var address: String { "\(tidings.origin)/live" }

    private func post(_ text: String) throws {
        try tidings.post([["thread": "a", "text": .string(text)]])
        try tidings.waitUntilIdle()
    }

    private func waitUntilAsleep(_ page: ClientPage) throws {
        try eventually(within: 20, "the page lets go", every: 0.02) {
            try page.state == "hidden" && page.held == 0
        }
    }

    @Test(
        "a tab that is hidden for long lets go of its connection, asks nothing, and comes back to what it missed",
        arguments: ["poll", "sse"])
    func hidden(transport: String) throws {
        let options = "transport: '\(transport)'"
        let page = try ClientPage(address, options: "{ hiddenAfter: 500, \(options) }", in: browser)
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        try post("one")
        try page.expect(["one"])
        try page.window.minimize()
        #expect(try page.window.execute("return document.visibilityState").string == "hidden")
        try waitUntilAsleep(page)
        let asked = try page.number("requests + streams.length")
        // Another tab leads now: what it says is not heard either.
        let other = try ClientPage(address, options: "{ \(options) }", in: browser)
        try other.subscribe("thread:a")
        try post("two")
        try other.expect(["one", "two"])
        #expect(try page.log == ["one"])
        #expect(try page.number("requests + streams.length") == asked)
        try page.window.restore()
        try page.expect(["one", "two"])
        try page.waitUntilLive()
        try post("three")
        for page in [page, other] { try page.expect(["one", "two", "three"]) }
        #expect(try page.strings("states").filter { $0 == "hidden" }.count == 1)
    }

    @Test("a tab that is hidden for a moment only notices nothing")
    func briefly() throws {
        let page = try ClientPage(address, options: "{ hiddenAfter: 60000 }", in: browser)
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        let states = try page.strings("states")
        try page.window.minimize()
        try post("one")
        try page.expect(["one"])
        try page.window.restore()
        try post("two")
        try page.expect(["one", "two"])
        #expect(try page.strings("states") == states)
    }

    @Test(
        "a tab that the browser freezes lets go at once, and when it is seen again has what it missed",
        arguments: ["poll", "sse"])
    func frozen(transport: String) throws {
        let page = try ClientPage(address, options: "{ transport: '\(transport)' }", in: browser)
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        try post("one")
        try page.expect(["one"])
        try page.window.setFrozen(true)
        try post("two")
        try page.window.setFrozen(false)
        try waitUntilAsleep(page)
        #expect(try page.log == ["one"])
        // Nobody sees it yet.
        try page.window.minimize()
        try page.window.restore()
        try page.expect(["one", "two"])
        try page.waitUntilLive()
    }

    @Test("a place kept with storage local is there in another window; one of a session is the tab's own")
    func otherWindow() throws {
        func page(_ storage: String) throws -> ClientPage {
            let page = try ClientPage(address, options: "{ shared: false, storage: '\(storage)' }", in: browser)
            try page.subscribe("thread:a", options: "{ from: 'resume', otherwise: '-1' }")
            return page
        }
        try post("one")
        for storage in ["local", "session"] {
            let first = try page(storage)
            try first.expect(["one"])
            try first.leave()
        }
        try post("two")
        try page("local").expect(["two"])
        try page("session").expect(["one", "two"])
    }

    @Test("the module that the edge serves works in a page of another origin, and is the same class under both names")
    func module() throws {
        // To a browser localhost and 127.0.0.1 are two origins.
        let window = try browser.open("http://localhost:\(tidings.port)/live")
        try window.execute(
            """
            window.log = [];
            window.onerror = (message) => { window.failure = String(message); };
            const script = document.createElement("script");
            script.type = "module";
            script.onerror = () => { window.failure = "the module is not loaded"; };
            script.textContent = `
              import Default, { Tidings } from "${arguments[0]}/tidings.mjs";
              window.isSame = Default === Tidings && Tidings === globalThis.Tidings;
              window.tidings = new Tidings("${arguments[0]}");
              tidings.subscribe("thread:a", { from: "-1", onEvent: ({ html }) => log.push(html) });
            `;
            document.documentElement.append(script);
            """, [.string(tidings.origin)])
        var failure: String?
        try eventually(within: 20, "the module is loaded, not: \(failure ?? "nothing")") {
            failure = try window.execute("return window.failure ?? null").string
            return try window.execute("return window.isSame === true && tidings.state === 'live'").bool == true
        }
        try post("one")
        try eventually(within: 20, "the event comes") { try window.execute("return log.join()").string == "one" }
    }
}
