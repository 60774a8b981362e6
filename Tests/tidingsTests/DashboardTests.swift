import Glibc
import Pipeline
import TestSupport
import Testing

/// The dashboard, in a real browser, over a whole Tidings in trouble.
@Suite(.serialized, .browser)
struct DashboardTests {
    /// How often the edges have read the pipeline's state for a dashboard.
    private func reads(_ tidings: TidingsUp) throws -> Int {
        let text = try HTTPClient(port: tidings.port).get("/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix("tidings_edge_status_reads_total ") }
        return line.flatMap { $0.split(separator: " ").last.flatMap { Int($0) } } ?? -1
    }

    private func start() throws -> TidingsUp {
        try TidingsUp(arguments: ["--edges", "1", "--workers", "1"])
    }

    @Test("it says all well, then what is wrong with the line that helps; typed, the line helps")
    func trouble() throws {
        let tidings = try start()
        let page = try DashboardWindow(tidings.dashboard, in: .ofSuite())
        try page.expect(headline: "All well")
        #expect(try page.advice.isEmpty)
        #expect(try page.stage("format", "lanes") == "8/8")
        #expect(try page.window.texts("#processes tbody th").sorted() == ["edge", "worker"])
        #expect(try page.window.texts("#figures dt").contains("Redis memory"))

        #expect(try tidings.run("pause", "format").succeeded)
        try tidings.post((0..<7).map { ["thread": "t", "text": .string("number \($0)")] })
        _ = try tidings.redis("RPUSH", "comments:incoming", "no JSON")
        #expect(try page.expect(advice: "format is paused and takes nothing; 7 events wait") == "tidings resume format")
        #expect(try page.expect(advice: "1 dead letter") == "tidings dead list")
        try page.expect(headline: "2 warnings")
        #expect(try page.stage("format", "waiting") == "7")
        #expect(try page.stage("format", "lanes") == "8/8 paused")
        // The number of letters leads to what to type about them.
        #expect(try page.window.find("#stages a").attribute("href") == "#advice-dead")
        #expect(try page.window.find("#advice-dead code").text == "tidings dead list")
        // The command says the same.
        let status = try tidings.run("status").output
        #expect(status.contains("$ tidings resume format\n") && status.contains("$ tidings dead list"))
        #expect(try tidings.status()["state"]?.string == "warning")

        #expect(try tidings.run("resume", "format").succeeded)
        #expect(try tidings.run("dead", "drop", "--all").succeeded)
        try page.expect(headline: "All well")
        #expect(try page.stage("publish", "waiting") == "0")
        #expect(try tidings.run("status").output.hasSuffix("all well\n"))
    }

    @Test(
        "without workers, without Redis and without its edge it says so, keeps what it knew, and comes back by itself")
    func outages() throws {
        let tidings = try start()
        let page = try DashboardWindow(tidings.dashboard, in: .ofSuite())
        try page.expect(headline: "All well")
        for pid in tidings.workers { kill(pid, SIGSTOP) }
        // As if they had been silent for as long as a process is listed.
        _ = try tidings.redis("DEL", "comments:procs")
        #expect(try page.expect(advice: "no worker runs", within: 40) == "tidings work")
        for pid in tidings.workers { kill(pid, SIGCONT) }
        try page.expect(headline: "All well", within: 40)
        // A lane that is free for a moment is a note, and notes do not change the headline.
        try eventually(within: 40, "the worker has its lanes again") { try page.stage("format", "lanes") == "8/8" }

        let info = try tidings.redis("INFO", "server").split(whereSeparator: \.isNewline)
        let pid = try #require(info.first { $0.hasPrefix("process_id:") }.flatMap { Int32($0.dropFirst(11)) })
        kill(pid, SIGSTOP)
        let line = try #require(try page.expect(advice: "Redis does not answer", within: 40))
        #expect(line.hasPrefix("redis-cli -s ") && line.hasSuffix("/redis.sock PING"))
        #expect(try page.stage("format", "lanes") == "8/8")
        #expect(try page.window.find("body").attribute("data-blind") != nil)
        kill(pid, SIGCONT)
        try page.expect(headline: "All well", within: 60)

        let edges = tidings.edges
        for pid in edges { kill(pid, SIGSTOP) }
        #expect(try page.expect(advice: "this edge does not answer", within: 40) == "curl -i \(tidings.origin)/ready")
        for pid in edges { kill(pid, SIGCONT) }
        try page.expect(headline: "All well", within: 40)
    }

    @Test("many windows cost one reading in two seconds, hidden ones and none cost nothing")
    func cost() throws {
        let tidings = try start()
        let browser = try WebDriver.ofSuite()
        #expect(try reads(tidings) == 0)
        var windows: [DashboardWindow] = []
        for _ in 0..<3 { windows.append(try DashboardWindow(tidings.dashboard, in: browser)) }
        for window in windows { try window.expect(headline: "All well") }
        let before = try reads(tidings)
        try eventually(within: 10, "they ask again") { try reads(tidings) > before }
        let began = ContinuousClock.now
        let first = try reads(tidings)
        try eventually(within: 10, "they go on asking") { try reads(tidings) >= first + 2 }
        // Three windows would be there three times as fast. The first reading may have been noticed late.
        #expect(ContinuousClock.now - began > .seconds(3))
        // What a browser tells a page whose tab is left.
        for window in windows {
            try window.window.execute(
                """
                Object.defineProperty(document, "hidden", { value: true, configurable: true });
                document.dispatchEvent(new Event("visibilitychange"));
                """)
        }
        // Nothing is asked in two turns, once the answer that was on its way has come.
        var hidden = -1
        try eventually(within: 10, "the windows stop asking", every: 0.5) {
            let last = hidden
            hidden = try reads(tidings)
            return hidden == last
        }
        usleep(4_200_000)
        #expect(try reads(tidings) == hidden)
        try windows[0].window.execute("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        try eventually(within: 5, "it asks again") { try reads(tidings) > hidden }
    }

    @Test("it fits windows from 400 to 1,400 pixels, loads nothing from elsewhere, and names its tables and columns")
    func shape() throws {
        let tidings = try start()
        _ = try tidings.redis("RPUSH", "comments:incoming", "no JSON")
        let browser = try WebDriver.ofSuite()
        for width in [400, 800, 1400] {
            let page = try DashboardWindow(tidings.dashboard, in: browser)
            try page.window.layOut(width: width, height: 900)
            try page.expect(headline: "1 warning")
            #expect(try page.window.execute("return innerWidth").integer == width)
            #expect(try page.overflow <= 0, "\(width) pixels")
            let script = "return performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)"
            let loaded = Set(try page.window.execute(script).array?.compactMap(\.string) ?? [])
            #expect(loaded == ["/dashboard.css", "/dashboard.js", "/dashboard.json"])
        }
        let text = try HTTPClient(port: tidings.port).get("/dashboard").text
        #expect(!text.contains(" onclick=") && !text.contains(" onload=") && !text.contains("src=\"http"))
        // Each table has a name, each column a heading.
        let page = try DashboardWindow(tidings.dashboard, in: browser)
        try page.expect(headline: "1 warning")
        let script = """
            return [...document.querySelectorAll("table")].every((table) =>
              table.closest("[aria-labelledby]") && [...table.querySelectorAll("thead th")].every((cell) => cell.scope === "col"))
              && [...document.querySelectorAll("tbody th")].every((cell) => cell.scope === "row")
            """
        #expect(try page.window.execute(script).bool == true)
    }

    @Test("an edge shows it only when it is told to; up shows it on the loopback unless told otherwise")
    func defaults() throws {
        let server = try RedisServer()
        func status(_ arguments: String...) throws -> Int {
            let edge = try TidingsBinary.launch(
                ["edge", "--workers", "1", "--redis", server.url, "--listen", "127.0.0.1:0"] + arguments)
            defer { edge.send(SIGTERM) }
            var port: UInt16?
            try eventually(within: 20, "the edge says where it is; \(edge.errors)") {
                let line = edge.output.split(separator: "\n").first
                port = line.flatMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
                return port != nil
            }
            let client = HTTPClient(port: try #require(port))
            try eventually(within: 20, "it answers") { (try? client.get("/live").status) == 200 }
            return try client.get("/dashboard").status
        }
        #expect(try status() == 404)
        #expect(try status("--dashboard") == 200)
        let folder = try TemporaryFolder()
        let local = try folder.write("edge: { dashboard: local }\n", to: "local.yaml")
        #expect(try status("--config", local) == 200)
        #expect(try status("--config", local, "--no-dashboard") == 404)
        let off = try TidingsUp(arguments: ["--no-dashboard"])
        #expect(try HTTPClient(port: off.port).get("/dashboard").status == 404)
        #expect(!off.process.output.contains("/dashboard"))
    }
}
