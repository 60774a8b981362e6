import TestSupport
import Testing

/// How `tidings.js` writes: what it sends, what it shows, when it tries again. The edge is played by the page itself.
@Suite(.serialized, .browser)
struct ClientWriteTests {
    let browser: WebDriver

    init() throws {
        browser = try .ofSuite()
    }

    @Test("a comment that gets no answer, or 503, is sent again as it was, after the pause that was asked for")
    func again() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            Math.random = () => 0;
            verdicts.push("broken", { status: 503, headers: { "Retry-After": "1" }, body: { error: "full" } },
              { body: "<p>a captive portal" });
            outcome(tidings.post({ thread: "a", text: "one", author: { name: "Ann" } }, {
              onRetry: ({ status }, { until }) => log.push([status, until > Date.now() - 1000]) }));
            """)
        try stage.expect("outcomes.length", "1")
        #expect(try stage.value("written.length") == "4")
        #expect(try stage.value("new Set(written.map(({ event }) => JSON.stringify(event))).size") == "1")
        #expect(try stage.value("written[0].address") == #""https://edge.example/base/v1/comments""#)
        #expect(try stage.value("written[2].at - written[1].at >= 999") == "true")
        #expect(try stage.value("log") == "[[0,true],[503,true],[0,true]]")
        let event = try ParsedJSON(parsing: stage.value("outcomes[0]"))
        #expect(event["type"]?.string == "comment.created" && event["text"]?.string == "one")
        #expect(event["event_id"]?.string == event["id"]?.string && event["id"]?.string?.isEmpty == false)
    }

    @Test(
        "what an edge has refused is not sent again, and the page is told the status, the reason and the pause",
        arguments: [400, 401, 403, 409, 413, 421, 429])
    func refused(status: Int) throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            verdicts.push({ status: \(status), headers: { "Retry-After": "7" }, body: { error: "because" } });
            outcome(tidings.post({ thread: "a", text: "one" }));
            """)
        try stage.expect("outcomes", #"[[\#(status),"because",7000]]"#)
        #expect(try stage.value("written.length") == "1")
    }

    @Test("after two minutes it is given up, long before the pipeline forgets which comments it has seen")
    func givenUp() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            verdicts.push({ status: 503, headers: { "Retry-After": "121" }, body: { error: "full" } });
            outcome(tidings.post({ thread: "a", text: "one" }));
            """)
        try stage.expect("outcomes", #"[[503,"full",121000]]"#)
    }

    @Test("a write that is aborted, before it is sent, on its way or in a pause, rejects at once and sends no more")
    func aborted() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            judge = () => undefined;
            window.abort = new AbortController();
            const after = new AbortController();
            after.abort();
            outcome(tidings.post({ thread: "a", text: "one" }, { signal: abort.signal }));
            outcome(tidings.post({ thread: "a", text: "two" }, { signal: abort.signal }));
            outcome(tidings.post({ thread: "b", text: "three" }, { signal: after.signal }));
            verdicts.push({ status: 503, headers: { "Retry-After": "60" } });
            outcome(tidings.post({ thread: "c", text: "four" }, { signal: abort.signal }));
            """)
        // One is on its way, one has failed and waits, one waits for its turn, and one was never wanted.
        try stage.expect("written.map(({ event }) => event.text).sort()", #"["four","one"]"#)
        try stage.run("abort.abort()")
        try stage.expect("outcomes", #"["AbortError","AbortError","AbortError","AbortError"]"#)
        #expect(try stage.value("written.length") == "2")
        try stage.run("judge = () => ({ status: 202, body: { ids: [] } })")
        try stage.run("outcome(tidings.post({ thread: 'a', text: 'x' }))")
        try stage.expect("outcomes.length", "5")
        #expect(try stage.value("outcomes[4].text") == #""x""#)
    }

    @Test("writes of one conversation keep their order over failures, and hold up no other")
    func order() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            let failures = 3;
            judge = ({ event }) => event.thread === "a" && failures-- > 0 ? "broken" : { status: 202, body: { ids: [] } };
            for (const text of ["one", "two"]) outcome(tidings.post({ thread: "a", text }));
            outcome(tidings.remove({ thread: "a", id: "1" }));
            outcome(tidings.post({ thread: "b", text: "other" }));
            """)
        try stage.expect("outcomes.length", "4")
        let order = #"["one","one","one","one","two",null]"#
        try stage.run("window.ofA = written.map(({ event }) => event).filter(({ thread }) => thread === 'a')")
        #expect(try stage.value("ofA.map(({ text }) => text ?? null)") == order)
        #expect(try stage.value("outcomes.findIndex(({ text }) => text === 'other') < 2") == "true")
    }

    @Test("without a token the same edit key goes with every write, also where nothing can be stored")
    func editKey() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            for (const thread of ["a", "b"]) outcome(tidings.post({ thread, id: `1${thread}`, text: "one" }));
            outcome(tidings.edit({ thread: "a", id: "1a", text: "two" }));
            """)
        try stage.expect("outcomes.length", "3")
        #expect(try stage.value("new Set(written.map(({ headers }) => headers['Edit-Key'])).size") == "1")
        #expect(try stage.value("/^[A-Za-z0-9_-]{22}$/.test(written[0].headers['Edit-Key'])") == "true")
        #expect(try stage.value("written.some(({ headers }) => 'Authorization' in headers)") == "false")
        let types = "written.every(({ headers }) => headers['Content-Type'] === 'application/json')"
        #expect(try stage.value(types) == "true")
    }

    @Test("a key that an edge gives takes the place of the browser's")
    func givenKey() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            verdicts.push({ status: 202, body: { ids: ["1"], edit_key: "kPq3sYw0f1V7m9bXz2LtRg" } });
            for (const text of ["one", "two"]) outcome(tidings.post({ thread: "a", text }));
            """)
        try stage.expect("outcomes.length", "2")
        #expect(try stage.value("written[1].headers['Edit-Key']") == #""kPq3sYw0f1V7m9bXz2LtRg""#)
    }

    @Test("a person's token is shown and no key, and one that is refused is renewed once")
    func token() throws {
        let stage = try ClientStage(
            in: browser, options: "{ token: async () => window.token({ sub: `u${++tokens}` }) }")
        try stage.run(
            """
            verdicts.push({ status: 401, body: { error: "expired" } });
            outcome(tidings.post({ thread: "a", text: "one" }));
            """)
        try stage.expect("outcomes.length", "1")
        try stage.run("window.second = `Bearer ${token({ sub: 'u2' })}`")
        #expect(try stage.value("written.map(({ headers }) => headers.Authorization === second)") == "[false,true]")
        #expect(try stage.value("written.some(({ headers }) => 'Edit-Key' in headers)") == "false")
        try stage.run("judge = () => ({ status: 403, body: { error: 'not here' } })")
        try stage.run("outcome(tidings.post({ thread: 'a', text: 'two' }))")
        try stage.expect("outcomes[1]", #"[403,"not here",0]"#)
        #expect(try stage.value("[written.length, tokens]") == "[4,3]")
    }

    @Test("a token that names nobody is for reading: the key is shown with a write")
    func readingToken() throws {
        let stage = try ClientStage(in: browser, options: "{ token: () => window.token({ channels: ['user:1'] }) }")
        try stage.run("outcome(tidings.post({ thread: 'a', text: 'one' }))")
        try stage.expect("outcomes.length", "1")
        #expect(try stage.value("Object.keys(written[0].headers).sort()") == #"["Content-Type","Edit-Key"]"#)
    }

    @Test("what was posted with the key before the visitor signed in is edited with the key, all else with the token")
    func signedIn() throws {
        let stage = try ClientStage(in: browser, options: "{ token: () => tokens ? window.token({ sub: '7' }) : null }")
        try stage.run("outcome(tidings.post({ thread: 'a', id: '1', text: 'one' }))")
        try stage.expect("outcomes.length", "1")
        try stage.run(
            """
            tokens = 1;
            outcome(tidings.post({ thread: "a", id: "2", text: "two" }));
            outcome(tidings.edit({ thread: "a", id: "1", text: "one!" }));
            outcome(tidings.remove({ thread: "a", id: "2" }));
            """)
        try stage.expect("outcomes.length", "4")
        let shown = "written.map(({ headers }) => 'Edit-Key' in headers ? 'key' : 'token')"
        #expect(try stage.value(shown) == #"["key","token","key","token"]"#)
    }

    @Test(
        "an edit is the whole comment without what the pipeline has made of it, a deletion names it, each a new event")
    func changes() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            const comment = {
              thread: "a", id: "1", event_id: "1", type: "comment.created", forum: "f", author: { name: "Ann" }, stars: 5,
              html: "one &lt;2&gt;<br>@<span>ann</span>", mentions: ["ann"], received_at: 17,
            };
            outcome(tidings.edit({ ...comment, text: `${Tidings.text(comment)}!` }));
            outcome(tidings.edit({ ...comment, text: "again", created_at: 12 }));
            outcome(tidings.remove({ ...comment, text: "secret" }));
            """)
        try stage.expect("outcomes.length", "3")
        try stage.run("window.ids = written.map(({ event }) => event.event_id)")
        try stage.run("for (const { event } of written) delete event.event_id")
        #expect(try stage.value("new Set(['1', ...ids]).size") == "4")
        let whole = #""thread":"a","id":"1","type":"comment.edited","forum":"f","author":{"name":"Ann"},"stars":5"#
        #expect(try stage.value("written[0].event") == #"{\#(whole),"text":"one <2>\n@ann!","created_at":17}"#)
        #expect(try stage.value("written[1].event.created_at") == "12")
        #expect(
            try stage.value("written[2].event") == #"{"thread":"a","id":"1","forum":"f","type":"comment.deleted"}"#)
    }

    @Test("a write without what it needs, and one after the end, rejects and sends nothing; the end aborts the others")
    func wrongUse() throws {
        let stage = try ClientStage(in: browser)
        try stage.run(
            """
            judge = () => undefined;
            outcome(tidings.post({ text: "no thread" }));
            outcome(tidings.edit({ thread: "a", id: "1" }));
            outcome(tidings.remove({ thread: "a" }));
            outcome(tidings.post({ thread: "a", text: "on its way" }));
            """)
        try stage.expect("outcomes", #"["TypeError","TypeError","TypeError"]"#)
        try stage.expect("written.length", "1")
        try stage.run("tidings.close(); outcome(tidings.post({ thread: 'a', text: 'late' }))")
        try stage.expect("outcomes.slice(3).sort()", #"["AbortError","Error"]"#)
        #expect(try stage.value("written.length") == "1")
    }
}
