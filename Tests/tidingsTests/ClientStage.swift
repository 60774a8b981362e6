import TestSupport

/// A page whose `tidings.js` talks to an edge played by the test: no server, no network.
struct ClientStage {
    let window: WebWindow

    /// Opens a window and makes `fetch` and `EventSource` ours.
    ///
    /// A request is answered by the first of `answers` that is there, `{ status, headers, body }`; without one, by what
    /// `respond(request)` gives; without that, never. `asked` has them all: `at` in ms, `channels`, `timeout`, `token`.
    ///
    /// An attempt to write is answered by the first of `verdicts`, or `judge(attempt)`, in the same way. `written` has
    /// them all: `address`, `event`, `headers`, `at`.
    init(in browser: WebDriver, at address: String = "about:blank", options: String = "{}") throws {
        window = try browser.open(address)
        try window.execute(
            """
            window.asked = []; window.answers = []; window.respond = () => undefined; window.streams = [];
            window.log = []; window.errors = []; window.states = []; window.tokens = 0;
            window.written = []; window.verdicts = []; window.judge = ({ event }) => ({ status: 202, body: { ids: [event.id] } });
            const read = (address) => {
              const query = new URL(address).searchParams;
              const channels = Object.fromEntries(query.getAll("c").map((item) => {
                const at = item.lastIndexOf("@");
                return [item.slice(0, at), item.slice(at + 1)];
              }));
              return { path: new URL(address).pathname, channels, timeout: query.get("timeout"), at: performance.now() };
            };
            window.fetch = (address, { headers = {}, signal, method, body: text }) => new Promise((resolve, reject) => {
              signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
              let answer;
              if (method === "POST") {
                const attempt = { address, event: JSON.parse(text), headers, at: performance.now() };
                written.push(attempt);
                answer = verdicts.shift() ?? judge(attempt);
              } else {
                const request = { ...read(address), token: headers.Authorization ?? null };
                asked.push(request);
                answer = answers.shift() ?? respond(request);
              }
              if (answer === "broken") return reject(new TypeError("no connection"));
              if (!answer) return;
              const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {});
              resolve(new Response(body, { status: answer.status ?? 200, headers: answer.headers }));
            });
            window.EventSource = class {
              constructor(address) { Object.assign(this, read(address)); streams.push(this); }
              say(channels) { this.onmessage({ data: JSON.stringify({ channels }) }); }
              close() { this.isClosed = true; }
            };
            window.news = (channel, next, events = [], reset = false) =>
              ({ channels: { [channel]: { next, events, reset } }, wait: 0 });
            """)
        try window.load(script: ClientPage.script)
        try window.execute(
            """
            window.tidings = new Tidings("https://edge.example/base/", {
              shared: false, storage: null, onState: (state) => states.push(state), ...\(options),
            });
            window.follow = (channel, options) => tidings.subscribe(channel, {
              from: "-1", onEvent: (event) => log.push(event), onReset: () => log.push("reset"),
              onError: ({ status, channel }) => errors.push([status, channel]), ...options,
            });
            // What became of a write, in `outcomes`: what was sent, or [status, message, retryAfter].
            window.outcomes = [];
            window.outcome = (write) => write.then((event) => outcomes.push(event),
              ({ name, status, message, retryAfter }) => outcomes.push(status === undefined ? name : [status, message, retryAfter]));
            // A token of a person, or of nobody.
            window.token = (claims) => `e30.${btoa(JSON.stringify(claims)).replace(/=/g, "")}.c2ln`;
            """)
    }

    /// Runs JavaScript that returns nothing of interest.
    func run(_ script: String) throws {
        try window.execute(script)
    }

    /// The value of a JavaScript expression, as JSON.
    func value(_ expression: String) throws -> String {
        try window.execute("return JSON.stringify(\(expression)) ?? 'undefined'").string ?? "null"
    }

    /// Waits until an expression has a value, written as JSON.
    func expect(_ expression: String, _ wanted: String, within seconds: Double = 20) throws {
        var seen = ""
        try eventually(within: seconds, "\(expression) is \(wanted), not \(seen)", every: 0.02) {
            seen = try value(expression)
            return seen == wanted
        }
    }
}
