import TestSupport
import Testing

/// Pages of the edge, and pages elsewhere, in a real browser over a whole Tidings.
@Suite(.serialized)
struct PagePolicyTests {
    private let tidings: TidingsUp
    private let browser: WebDriver

    /// What a page elsewhere gets by DNS rebinding: a name of its own that leads to this machine.
    private static let rebound = "rebound.example"

    init() throws {
        tidings = try TidingsUp(arguments: ["--edges", "1", "--workers", "1"])
        browser = try WebDriver(arguments: ["--host-resolver-rules=MAP \(Self.rebound) 127.0.0.1"])
    }

    private func refusals(_ reason: String) throws -> Int {
        let text = try HTTPClient(port: tidings.port).get("/metrics").text
        let name = "tidings_edge_requests_refused_total{reason=\"\(reason)\"} "
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count)) } ?? -1
    }

    /// Asks in a page, and gives the status, or the error's name where the browser hides the answer.
    private func ask(_ address: String, _ options: String = "{}", in window: WebWindow) throws -> String? {
        let script = "return fetch(arguments[0], \(options)).then((a) => `${a.type} ${a.status}`, (e) => e.name)"
        return try window.execute(script, [.string(address)]).string
    }

    @Test("demo page and dashboard work without a word in the console, and nothing inline runs in them")
    func policy() throws {
        let page = try DemoPage(tidings.page(thread: "lobby"), in: browser)
        try page.post("A word", as: "Ines")
        try page.expect(["A word"])
        let dashboard = try DashboardWindow(tidings.dashboard, in: browser)
        try dashboard.expect(headline: "All well")
        for window in [page.window, dashboard.window] {
            #expect(try window.consoleLines() == [])
            try window.execute(
                """
                const script = document.createElement("script");
                script.textContent = "document.body.dataset.ran = 'yes'";
                const button = document.createElement("button");
                button.setAttribute("onclick", "document.body.dataset.ran = 'yes'");
                document.body.append(script, button);
                button.click();
                """)
            #expect(try window.find("body").attribute("data-ran") == nil)
            let lines = try window.consoleLines()
            #expect(lines.count >= 2 && lines.allSatisfy { $0.contains("Content Security Policy") }, "\(lines)")
        }
    }

    @Test("a page elsewhere reads what is public; it cannot post, nor see the dashboard or the metrics")
    func elsewhere() throws {
        // The other port of this machine is another origin, of the same site.
        let other = try TidingsUp(arguments: ["--edges", "1", "--workers", "1", "--no-dashboard"])
        let window = try browser.open("http://127.0.0.1:\(other.port)/tidings.js")
        #expect(try ask("\(tidings.origin)/v1/channels/thread:lobby", in: window) == "cors 200")
        let post = #"method: "POST", body: '{"thread":"lobby","text":"hello"}'"#
        #expect(try ask("\(tidings.origin)/v1/comments", "{ \(post) }", in: window) == "cors 403")
        #expect(try refusals("origin") == 1)
        // Without asking first, and without reading the answer.
        #expect(try ask("\(tidings.origin)/v1/comments", #"{ \#(post), mode: "no-cors" }"#, in: window) == "opaque 0")
        #expect(try refusals("origin") == 2)
        // With a preflight.
        let json = #"{ \#(post), headers: { "Content-Type": "application/json" } }"#
        #expect(try ask("\(tidings.origin)/v1/comments", json, in: window) == "TypeError")
        #expect(try refusals("origin") == 2)
        for path in ["/dashboard", "/dashboard.json", "/metrics"] {
            #expect(try ask(tidings.origin + path, in: window) == "TypeError", "\(path)")
        }
        // As a script or a picture neither: the browser drops the answer.
        #expect(try ask("\(tidings.origin)/metrics", #"{ mode: "no-cors" }"#, in: window) != "cors 200")
        #expect(try tidings.redis("EXISTS", "feed.ids:{thread:lobby}") == "0")
        #expect(try ask("http://127.0.0.1:\(other.port)/v1/comments", "{ \(post) }", in: window) == "basic 202")
    }

    @Test("a page whose name leads to this machine gets nothing from the edge")
    func rebinding() throws {
        let window = try browser.open("http://\(Self.rebound):\(tidings.port)/?thread=lobby")
        #expect(try window.find("body").text.contains("edge.hosts"))
        let post = #"{ method: "POST", body: '{"thread":"lobby","text":"hello"}' }"#
        for (path, options) in [
            ("/v1/channels/thread:lobby", "{}"), ("/v1/comments", post), ("/dashboard.json", "{}"), ("/metrics", "{}"),
        ] {
            #expect(try ask(path, options, in: window) == "basic 421", "\(path)")
        }
        #expect(try refusals("host") >= 5)
        #expect(try tidings.redis("EXISTS", "feed.ids:{thread:lobby}") == "0")
    }

    @Test("the dashboard is not shown in a frame of another page")
    func frames() throws {
        let window = try browser.open("http://localhost:\(tidings.port)/tidings.js")
        try window.execute(
            """
            const frame = document.createElement("iframe");
            frame.id = "frame";
            frame.src = arguments[0];
            document.body.append(frame);
            return new Promise((done) => frame.onload = done);
            """, [.string(tidings.page(thread: "lobby"))])
        let lines = try window.consoleLines()
        #expect(lines.contains { $0.contains("frame-ancestors") }, "\(lines)")
    }
}
