import Glibc
import TestSupport
import Testing

/// Server-sent events in a real browser, over a whole Tidings whose edges end streams all the time and are killed.
@Suite(.serialized, .browser)
struct ClientStreamTests {
    let tidings: TidingsUp
    let browser: WebDriver

    init() throws {
        tidings = try TidingsUp(
            configuration: """
                stages: [validate, { moderate: { author_rate: none } }, format, route, { publish: { history: 20000 } }]
                edge: { stream_timeout: 2s }
                """)
        browser = try .ofSuite()
    }

    private var address: String { "\(tidings.origin)/live" }

    /// Posts `count` comments to each of the threads in turn; gives their texts.
    private func post(_ count: Int, from first: Int, to threads: [String]) throws -> [String] {
        let texts = (first..<first + count).map { "number \($0)" }
        for thread in threads {
            try eventually(within: 20, "comments are taken", every: 0.05) {
                // Repeats are dropped.
                let comments = texts.map { text -> ParsedJSON in
                    ["thread": .string(thread), "text": .string(text), "event_id": .string("\(thread) \(text)")]
                }
                return (try? tidings.post(comments)) != nil
            }
        }
        return texts
    }

    @Test("tidings.js over streams: every event once and in order, over streams that end and edges that are killed")
    func streams() throws {
        let page = try ClientPage(address, options: "{ transport: 'sse' }", in: browser)
        try page.subscribe("thread:a")
        try page.waitUntilLive()
        var texts: [String] = []
        for round in 0..<3 {
            for _ in 0..<8 { texts += try post(25, from: texts.count, to: ["a"]) }
            var streams = try page.streams
            func waitUntilOpenedAgain(_ note: String) throws {
                try eventually(within: 60, "round \(round): the stream was opened again \(note)", every: 0.02) {
                    try page.streams > streams
                }
            }
            try waitUntilOpenedAgain("when its time was over")
            texts += try post(25, from: texts.count, to: ["a"])
            streams = try page.streams
            try tidings.killEdges()
            texts += try post(25, from: texts.count, to: ["a"])
            try waitUntilOpenedAgain("at another edge")
        }
        try page.expect(texts, within: 60)
        try page.waitUntilLive()
        // No poll has taken a stream's place.
        #expect(try page.number("requests") == 0)
        #expect(try page.strings("errors") == [])
    }

    @Test("tabs share one stream; when the tab that leads goes, the next opens one from where it stood")
    func sharing() throws {
        let pages = try (0..<3).map { _ in try ClientPage(address, options: "{ transport: 'sse' }", in: browser) }
        var texts: [String] = []
        for page in pages {
            try page.subscribe("thread:a")
            try page.waitUntilLive()
        }
        for (index, page) in pages.enumerated() {
            texts += try post(25, from: texts.count, to: ["a"])
            for rest in pages[index...] { try rest.expect(texts) }
            #expect(try pages[index...].dropFirst().allSatisfy { try $0.streams == 0 })
            guard index < 2 else { break }
            try page.leave()
            texts += try post(25, from: texts.count, to: ["a"])
        }
        #expect(try pages[2].streams > 0)
    }

    @Test("an EventSource of the browser's own resumes by itself on both endpoints: nothing is lost or comes twice")
    func plain() throws {
        let window = try browser.open(address)
        try window.execute(
            """
            window.log = { one: [], a: [], b: [] };
            window.opened = { one: 0, many: 0 };
            window.resets = 0;
            const texts = (events) => events.map(({ html }) => html);
            const one = new EventSource("/v1/channels/thread:a?offset=-1&live=sse");
            one.onopen = () => { opened.one += 1; };
            one.addEventListener("reset", () => { resets += 1; });
            one.addEventListener("data", ({ data }) => log.one.push(...texts(JSON.parse(data))));
            const many = new EventSource("/v1/events?c=thread:a@-1&c=thread:b@-1");
            many.onopen = () => { opened.many += 1; };
            many.onmessage = ({ data }) => {
              for (const [channel, { events, reset }] of Object.entries(JSON.parse(data).channels)) {
                if (reset) resets += 1;
                log[channel.slice("thread:".length)].push(...texts(events));
              }
            };
            window.sources = [one, many];
            """)
        func opened() throws -> [Int] {
            try window.execute("return [opened.one, opened.many]").array?.compactMap(\.integer) ?? []
        }
        func waitUntilOpenedAgain(_ note: String) throws {
            let before = try opened()
            try eventually(within: 30, "both are opened again \(note)", every: 0.05) {
                try zip(opened(), before).allSatisfy { $0 > $1 }
            }
        }
        try eventually(within: 10, "both are open") { try opened() == [1, 1] }
        var texts: [String] = []
        for end in [SIGKILL, SIGTERM] {
            texts += try post(50, from: texts.count, to: ["a", "b"])
            // Ended by the edge, since their time is over.
            try waitUntilOpenedAgain("in time")
            texts += try post(50, from: texts.count, to: ["a", "b"])
            if end == SIGKILL {
                try tidings.killEdges()
            } else {
                for pid in tidings.edges { kill(pid, end) }
            }
            texts += try post(50, from: texts.count, to: ["a", "b"])
            try waitUntilOpenedAgain("at another edge")
        }
        for name in ["one", "a", "b"] {
            var log: [String] = []
            try eventually(within: 30, "\(name) has \(texts.count) events, not \(log.count)", every: 0.05) {
                log = try window.execute("return log[arguments[0]]", [.string(name)]).array?.compactMap(\.string) ?? []
                return log.count >= texts.count
            }
            #expect(log == texts, "\(name)")
        }
        #expect(try window.execute("return resets").integer == 0)
        #expect(try window.execute("return sources.every(({ readyState }) => readyState !== 2)").bool == true)
    }
}
