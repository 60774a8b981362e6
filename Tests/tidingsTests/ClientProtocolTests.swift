import TestSupport
import Testing

/// What `tidings.js` asks, and what it makes of every kind of answer. The edge is played by the page itself.
@Suite(.serialized, .browser)
struct ClientProtocolTests {
    let browser: WebDriver

    init() throws {
        browser = try .ofSuite()
    }

    @Test("positions go back as they came, the first poll is short, and all channels stand in one")
    func positions() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            answers.push({ body: { channels: {
              "thread:a b&@c": { next: "p1", events: ["one", "two"], reset: false },
              "forum:x": { next: "q1", events: [], reset: false } }, wait: 0 } });
            follow("thread:a b&@c"); follow("forum:x", { from: "now" });
            """)
        try stage.expect("asked.length", "2")
        #expect(try stage.value("asked[0].path") == #""/base/v1/poll""#)
        #expect(try stage.value("asked[0].channels") == #"{"thread:a b&@c":"-1","forum:x":"now"}"#)
        #expect(try stage.value("asked[1].channels") == #"{"thread:a b&@c":"p1","forum:x":"q1"}"#)
        #expect(try stage.value("asked.map(({ timeout }) => timeout)") == #"["1","25"]"#)
        #expect(try stage.value("log") == #"["one","two"]"#)
        #expect(try stage.value("states.at(-1)") == #""live""#)
    }

    @Test("the pause that the edge asks for is kept, and spread")
    func pause() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            "answers.push({ body: { ...news('thread:a', 'p1'), wait: 300 } }, { body: news('thread:a', 'p2') });"
                + "follow('thread:a')")
        try stage.expect("asked.length", "3")
        #expect(try stage.value("asked[1].at - asked[0].at >= 299") == "true")
        #expect(try stage.value("asked[2].at - asked[1].at < 200") == "true")
    }

    @Test("after failures the pauses double, with full jitter, and begin small again after an answer")
    func backoff() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            Math.random = () => 0.5;
            answers.push("broken", { status: 500 }, { body: "<p>a captive portal" }, { status: 502 },
              { body: news("thread:a", "p1", ["one"]) }, "broken");
            follow("thread:a");
            """)
        try stage.expect("asked.length", "7")
        let pauses = "asked.map(({ at }, index) => Math.round(at - (asked[index - 1]?.at ?? at)))"
        let seen = try ParsedJSON(parsing: stage.value(pauses)).array?.compactMap(\.integer) ?? []
        for (pause, least) in zip(seen, [0, 125, 250, 500, 1000, 0, 125]) {
            #expect(pause >= least - 2 && pause < least + 250, "\(seen)")
        }
        #expect(try stage.value("log") == #"["one"]"#)
        #expect(try stage.value("errors") == "[]")
        #expect(try stage.value("states.includes('waiting')") == "true")
    }

    @Test("Retry-After is the least pause, and a wish to retry does not shorten it")
    func retryAfter() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            Math.random = () => 0;
            answers.push({ status: 503, headers: { "Retry-After": "1" } }, { body: news("thread:a", "p1") });
            follow("thread:a");
            setTimeout(() => tidings.retry(), 100);
            """)
        try stage.expect("asked.length", "3")
        #expect(try stage.value("asked[1].at - asked[0].at >= 999") == "true")
    }

    @Test("a wish to retry ends a pause after a failed connection")
    func retryNow() throws {
        let stage = try ClientStage(in: browser)
        try stage.run("Math.random = () => 0.999; answers.push('broken', 'broken', 'broken'); follow('thread:a')")
        try stage.expect("asked.length", "3")
        try stage.run("window.count = asked.length; tidings.retry()")
        try stage.expect("asked.length > count", "true", within: 0.5)
    }

    @Test("a token goes with every poll, and one that is refused is renewed once")
    func tokens() throws {
        let stage = try ClientStage(in: browser, options: "{ token: async () => `t${++tokens}` }")
        try stage.run(
            """
            respond = ({ token, channels }) =>
              token === "Bearer t2" && !Object.values(channels).includes("p1")
                ? { body: news("user:1", "p1", ["hello"]) }
                : token === "Bearer t2" ? undefined : { status: 401, body: { error: "expired" } };
            follow("user:1");
            """)
        try stage.expect("log", #"["hello"]"#)
        #expect(try stage.value("asked.map(({ token }) => token)") == #"["Bearer t1","Bearer t2","Bearer t2"]"#)
        #expect(try stage.value("errors") == "[]")
    }

    @Test("a token that stays refused ends the subscription with one error, and nothing is asked any more")
    func refusedToken() throws {
        let stage = try ClientStage(in: browser, options: "{ token: () => `t${++tokens}` }")
        try stage.run("respond = () => ({ status: 401, body: { error: 'expired' } }); follow('user:1')")
        try stage.expect("errors", #"[[401,"user:1"]]"#)
        #expect(try stage.value("asked.length") == "2")
        #expect(try stage.value("tokens") == "2")
        try stage.expect("tidings.state", #""idle""#)
    }

    @Test("the channels that are refused among fifty are found, and the others go on over one connection")
    func refusedChannels() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            respond = ({ channels }) => {
              const names = Object.keys(channels);
              if (names.some((name) => name.startsWith("user:"))) return { status: 403, body: { error: "private" } };
              if (names.some((name) => name === "odd")) return { status: 400, body: { error: "no channel" } };
              const fresh = names.filter((name) => channels[name] === "-1");
              if (fresh.length > 0) return { body: { channels: Object.fromEntries(fresh.map((name) =>
                [name, { next: "p1", events: [name], reset: false }])), wait: 0 } };
            };
            for (let index = 0; index < 47; index += 1) follow(`thread:${index}`);
            follow("user:1"); follow("odd"); follow("user:2");
            """)
        try stage.expect("errors.length", "3")
        #expect(try stage.value("errors.sort()") == #"[[400,"odd"],[403,"user:1"],[403,"user:2"]]"#)
        try stage.expect("log.length", "47")
        #expect(try stage.value("new Set(log).size") == "47")
        try stage.expect("Object.keys(asked.at(-1).channels).length", "47")
    }

    @Test("a reset is told before the history that takes the place of what was")
    func reset() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            "answers.push({ body: news('thread:a', 'p1', ['one']) }, { body: news('thread:a', 'q1', ['two'], true) });"
                + "follow('thread:a')")
        try stage.expect("log", #"["one","reset","two"]"#)
        try stage.expect("asked.at(-1).channels", #"{"thread:a":"q1"}"#)
    }

    @Test("a subscription that is closed in the midst of an answer gets no more of it; others get it whole")
    func closedInside() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            answers.push({ body: news("thread:a", "p1", [1, 2, 3]) });
            const first = follow("thread:a", { onEvent: (event) => { log.push(`first ${event}`); first.close(); } });
            follow("thread:a");
            """)
        try stage.expect("log", #"["first 1",1,2,3]"#)
    }

    @Test("a later subscription with an earlier place reads what it lacks, and then goes on with the others")
    func catchUp() throws {
        let stage = try ClientStage(in: browser)
        try stage.run("answers.push({ body: news('thread:a', 'p2', ['one', 'two']) }); follow('thread:a')")
        try stage.expect("asked.length", "2")
        try stage.run(
            """
            respond = ({ channels }) => channels["thread:a"] === "-1" ? { body: news("thread:a", "p2", ["one", "two"]) } : undefined;
            window.late = []; follow("thread:a", { onEvent: (event) => late.push(event) });
            """)
        try stage.expect("late", #"["one","two"]"#)
        #expect(try stage.value("asked.length") == "3")
        #expect(try stage.value("log") == #"["one","two"]"#)
    }

    @Test("a stream is opened anew with the places of now, and after three that say nothing polls take its place")
    func streams() throws {
        let stage = try ClientStage(in: browser, options: "{ transport: 'sse' }")
        try stage.run("follow('thread:a')")
        try stage.expect("streams.length", "1")
        #expect(try stage.value("streams[0].path") == #""/base/v1/events""#)
        try stage.run(
            """
            const say = (next, events) => streams[0].say({ "thread:a": { next, events, reset: false } });
            say("p1", ["one"]); say("p2", ["two", "three"]);
            streams[0].onerror({});
            """)
        try stage.expect("streams.length", "2")
        #expect(try stage.value("streams[0].isClosed") == "true")
        #expect(try stage.value("streams[1].channels") == #"{"thread:a":"p2"}"#)
        #expect(try stage.value("log") == #"["one","two","three"]"#)
        #expect(try stage.value("asked.length") == "0")
        try stage.run("window.breaking = setInterval(() => streams.at(-1).onerror({}), 20)")
        try stage.expect("asked.length", "1")
        try stage.run("clearInterval(breaking)")
        #expect(try stage.value("asked[0].channels") == #"{"thread:a":"p2"}"#)
    }
}
