import Foundation
import TestSupport

/// A page that follows channels with `tidings.js`, in a browser window. It counts its own requests and
/// streams.
struct ClientPage {
    let window: WebWindow

    /// The text of `tidings.js`.
    static var script: String {
        get throws {
            let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
            let file = root.appendingPathComponent("Sources/Edge/Pages/Client/tidings.js")
            return try String(contentsOf: file, encoding: .utf8)
        }
    }

    /// Opens an address and makes a `Tidings` there, named `tidings` in the page.
    ///
    /// - Parameter options: of the `Tidings`, as JavaScript.
    init(_ address: String, options: String = "{}", in browser: WebDriver) throws {
        window = try browser.open(address)
        try start(options: options)
    }

    /// The same in the window that is there, after a navigation.
    func start(options: String = "{}") throws {
        try window.execute(
            """
            window.log = []; window.errors = []; window.states = []; window.uncaught = []; window.subscriptions = [];
            addEventListener("error", (event) => uncaught.push(event.message));
            window.requests = 0; window.open = 0; window.mostOpen = 0;
            const original = window.fetch;
            window.fetch = async (...words) => {
              requests += 1; open += 1; mostOpen = Math.max(mostOpen, open);
              try {
                const response = await original(...words);
                await response.clone().arrayBuffer();
                return response;
              } finally {
                open -= 1;
              }
            };
            window.streams = [];
            window.EventSource = class extends EventSource {
              constructor(address) {
                super(address);
                streams.push(this);
              }
            };
            """)
        try window.load(script: Self.script)
        try window.execute(
            "window.tidings = new Tidings(location.origin, { onState: (state) => states.push(state), ...\(options) })")
    }

    /// Follows a channel. What comes is written to the page's `log`: the `html` of events, and `reset`.
    ///
    /// - Parameter options: more of them, as JavaScript. `otherwise` and `from` are `-1` unless given.
    func subscribe(_ channel: String, options: String = "{}") throws {
        try window.execute(
            """
            subscriptions.push(tidings.subscribe(arguments[0], {
              from: "-1",
              onEvent(event) { log.push(event.html); window.onEach?.(event); },
              onReset() { log.push("reset"); },
              onError(error) { errors.push(`${error.status ?? ""} ${error.channel ?? ""} ${error.message}`); },
              ...\(options),
            }))
            """, [.string(channel)])
    }

    /// What came, in the order of arrival.
    var log: [String] {
        get throws { try strings("log") }
    }

    /// How much came.
    var count: Int {
        get throws { try window.execute("return log.length").integer ?? 0 }
    }

    /// A list of texts in the page.
    func strings(_ name: String) throws -> [String] {
        try window.execute("return \(name)").array?.compactMap(\.string) ?? []
    }

    /// A number in the page.
    func number(_ name: String) throws -> Int {
        try window.execute("return \(name)").integer ?? -1
    }

    /// How many streams it has opened.
    var streams: Int {
        get throws { try number("streams.length") }
    }

    /// How many requests and streams it has open.
    var held: Int {
        get throws { try number("open + streams.filter(({ readyState }) => readyState !== 2).length") }
    }

    /// The state of the whole.
    var state: String? {
        get throws { try window.execute("return tidings.state").string }
    }

    /// Waits until the whole and each subscription that is not closed are live.
    func waitUntilLive() throws {
        var state: String?
        try eventually(within: 30, "the page is live, not \(state ?? "there")", every: 0.02) {
            state = try self.state
            return try window.execute(
                """
                return tidings.state === "live"
                  && subscriptions.every(({ state }) => state === "live" || state === "closed")
                """
            ).bool == true
        }
    }

    /// Waits until exactly this has come, in this order.
    func expect(_ texts: [String], within seconds: Double = 30) throws {
        var count = 0
        try eventually(within: seconds, "\(texts.count) events come, not \(count)", every: 0.02) {
            count = try self.count
            return count >= texts.count
        }
        let log = try log
        guard log != texts else { return }
        let place = zip(log, texts).enumerated().first { $1.0 != $1.1 }?.offset ?? min(log.count, texts.count)
        let around = log[max(0, place - 2)..<min(log.count, place + 3)]
        throw TestSupportError("\(log.count) of \(texts.count) came; they differ at \(place): \(around)")
    }

    /// Goes away, as a tab that is closed does.
    func leave() throws {
        try window.load("about:blank")
    }
}

extension WebWindow {
    /// Runs a text as a script of the page's own, as `<script>` does.
    func load(script: String) throws {
        try execute(
            """
            const element = document.createElement("script");
            element.textContent = arguments[0];
            document.documentElement.append(element);
            """, [.string(script)])
    }
}
