import TestSupport
import Testing

/// What `tidings.list` makes of a channel's events. The edge is played by the page itself.
@Suite(.serialized, .browser)
struct ClientListTests {
    let browser: WebDriver

    init() throws {
        browser = try .ofSuite()
    }

    /// A stage whose page follows `thread:a` with a list, and applies its steps to `rows`: `id=html` of each comment.
    private func stage(options: String = "{}", of tidings: String = "{}") throws -> ClientStage {
        let stage = try ClientStage(in: browser, options: tidings)
        try stage.run(
            """
            window.rows = []; window.changes = []; window.waiting = [];
            window.comment = (type, id, received_at, html, more) =>
              ({ thread: "a", id, type: `comment.${type}`, received_at, ...(html && { html }), ...more });
            // The answer to the poll that is held, or to the next one.
            let place = 0;
            let held = () => {};
            window.say = (events, more) => {
              const body = news("thread:a", `p${++place}`, events);
              Object.assign(body.channels["thread:a"], more);
              waiting.push(body);
              held();
            };
            const original = window.fetch;
            window.fetch = (address, init) => {
              if (init.method === "POST") return original(address, init);
              return new Promise((resolve, reject) => {
                init.signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
                held = () => {
                  if (waiting.length === 0) return;
                  held = () => {};
                  resolve(new Response(JSON.stringify(waiting.shift())));
                };
                held();
              });
            };
            window.list = tidings.list("thread:a", {
              onChange(list, steps) {
                changes.push(steps.map(({ type }) => type));
                for (const { type, index, comment } of steps) {
                  if (type !== "insert") rows.splice(index, 1);
                  if (type !== "remove") rows.splice(index, 0, `${comment.id}=${comment.html ?? ""}`);
                }
                window.isClosed = list.isClosed;
              },
              ...\(options),
            });
            """)
        return stage
    }

    @Test("comments stand in the order in which they came, edits at their places, deletions as tombstones")
    func merged() throws {
        let stage = try stage()
        try stage.run(
            """
            say([comment("created", "1", 1, "one"), comment("created", "2", 2, "two"),
              comment("created", "3", 3, "three")]);
            say([comment("edited", "1", 4, "one!"), comment("created", "4", 5, "four"), comment("deleted", "2", 6)]);
            """)
        try stage.expect("rows", #"["1=one!","2=","3=three","4=four"]"#)
        #expect(try stage.value("changes") == #"[["insert","insert","insert"],["update","update","insert"]]"#)
        let times = "list.comments.map(({ created_at, received_at }) => [created_at, received_at])"
        #expect(try stage.value(times) == "[[1,4],[2,6],[3,3],[5,5]]")
        // A comment that is created again replaces the one that is there.
        try stage.run("say([comment('created', '3', 7, 'three again'), { thread: 'a', type: 'poll.result', id: '9' }])")
        try stage.expect("rows", #"["1=one!","2=","3=three again","4=four"]"#)
    }

    @Test("an edit of a comment that is not known adds it, and an older version never replaces a newer one")
    func versions() throws {
        let stage = try stage()
        try stage.run(
            """
            say([comment("edited", "1", 5, "newest", { created_at: 1 }), comment("created", "2", 2, "two")]);
            say([comment("edited", "1", 4, "older"), comment("edited", "1", 5, "newest"),
              comment("created", "2", 1, "old")]);
            say([comment("deleted", "1", 6), comment("edited", "1", 5, "newest")]);
            """)
        try stage.expect("rows", #"["1=","2=two"]"#)
        #expect(try stage.value("list.comments[0].created_at") == "1")
        #expect(try stage.value("changes") == #"[["insert","insert"],[],["update"]]"#)
    }

    @Test("a version that only a clock makes older is shown after ten seconds, one that the newer one follows is not")
    func clock() throws {
        let stage = try stage()
        try stage.run(
            """
            const original = window.setTimeout;
            window.late = [];
            window.setTimeout = (act, ms) => ms === 10000 ? late.push(act) : original(act, ms);
            say([comment("created", "1", 50, "one"), comment("edited", "2", 50, "newest of two")]);
            say([comment("edited", "1", 40, "not this"), comment("edited", "1", 41, "one!"),
              comment("edited", "2", 40, "older"), comment("edited", "2", 50, "newest of two")]);
            """)
        try stage.expect("changes.length", "2")
        #expect(try stage.value("rows") == #"["1=one","2=newest of two"]"#)
        #expect(try stage.value("late.length") == "2")
        try stage.run("for (const act of late) act()")
        try stage.expect("rows", #"["1=one!","2=newest of two"]"#)
    }

    @Test("a history says a deletion at its place and at its end: one tombstone; one whose place is lost shows nothing")
    func tombstones() throws {
        let stage = try stage()
        let history = """
            say([comment("deleted", "1", 5), comment("created", "2", 2, "two"), comment("deleted", "gone", 4),
              comment("deleted", "1", 5), comment("created", "3", 6, "three")]);
            """
        try stage.run(history)
        try stage.expect("rows", #"["1=","2=two","3=three"]"#)
        let without = try self.stage(options: "{ tombstones: false }")
        try without.run(history + "say([comment('deleted', '2', 7), comment('edited', '2', 6, 'late')])")
        try without.expect("rows", #"["3=three"]"#)
    }

    @Test("after a reset only what differs is changed on the page")
    func reset() throws {
        let stage = try stage()
        try stage.run(
            """
            say([1, 2, 3, 4].map((id) => comment("created", String(id), id, `text ${id}`)));
            say([2, 3, 4, 5].map((id) => comment("created", String(id), id, id === 3 ? "other" : `text ${id}`)),
              { reset: true });
            """)
        try stage.expect("rows", #"["2=text 2","3=other","4=text 4","5=text 5"]"#)
        #expect(try stage.value("changes[1]") == #"["remove","update","insert"]"#)
        try stage.run("say([], { reset: true })")
        try stage.expect("rows", "[]")
    }

    @Test("whatever comes, the steps lead to the list", arguments: [1, 2, 3, 4])
    func anyEvents(seed: Int) throws {
        let stage = try stage(options: "{ limit: 12 }")
        try stage.run(
            """
            let state = \(seed);
            const draw = (count) => { state = (state * 48271) % 2147483647; return state % count; };
            let time = 0;
            for (let round = 0; round < 120; round += 1) {
              const events = Array.from({ length: draw(6) }, () => {
                time += 1;
                const type = ["created", "created", "edited", "deleted"][draw(4)];
                return comment(type, String(draw(20)), time - draw(3), `at ${time}`);
              });
              say(events, { reset: draw(15) === 0 });
            }
            """)
        try stage.expect("waiting.length", "0")
        let shown = "list.comments.map(({ id, html }) => `${id}=${html ?? ''}`)"
        try stage.expect("JSON.stringify(rows) === JSON.stringify(\(shown))", "true")
        #expect(try stage.value("changes.length > 100 && rows.length <= 12") == "true")
        #expect(try stage.value("new Set(list.comments.map(({ id }) => id)).size === list.comments.length") == "true")
    }

    @Test("a conversation is closed and opened by its events, and by the answer when the event has left the history")
    func closed() throws {
        let stage = try stage()
        try stage.run("say([comment('created', '1', 1, 'one'), { thread: 'a', type: 'thread.closed' }])")
        try stage.expect("isClosed", "true")
        try stage.run("say([{ thread: 'a', type: 'thread.opened' }, { thread: 'other', type: 'thread.closed' }])")
        try stage.expect("isClosed", "false")
        try stage.run("say([], { closed: true })")
        try stage.expect("isClosed", "true")
        try stage.run("say([], { reset: true })")
        try stage.expect("isClosed", "false")
    }

    @Test("the page is told once that there is nothing, and what its callback throws goes to onError")
    func empty() throws {
        let stage = try stage(options: "{ onError: (error) => log.push(error.message) }")
        try stage.run("say([])")
        try stage.expect("changes", "[[]]")
        #expect(try stage.value("[list.state, list.comments]") == #"["live",[]]"#)
        try stage.run("window.changes = null; say([comment('created', '1', 1, 'one')])")
        try stage.expect("log.length", "1")
        #expect(try stage.value("list.comments.length") == "1")
    }

    @Test("what this browser posts is its own before it comes, and what the edge has refused is not")
    func mine() throws {
        let stage = try stage()
        try stage.run(
            """
            verdicts.push({ status: 202, body: { ids: ["1"] } }, { status: 409, body: { error: "closed" } });
            for (const id of ["1", "2"]) outcome(tidings.post({ thread: "a", id, text: "one" }));
            """)
        try stage.expect("outcomes.length", "2")
        try stage.run("say(['1', '2', '3'].map((id) => comment('created', id, 1, id)))")
        try stage.expect("rows.length", "3")
        #expect(try stage.value("list.comments.map((comment) => list.isMine(comment))") == "[true,false,false]")
        #expect(try stage.value("list.isMine({ thread: 'b', id: '1' })") == "false")
    }

    @Test("what the token's holder wrote is theirs, and shown anew when the token comes; a name proves nothing")
    func mineByToken() throws {
        let stage = try stage(of: "{ token: () => tokens ? window.token({ sub: '7' }) : null }")
        try stage.run(
            """
            say([comment("created", "1", 1, "one", { author: { id: 7, name: "Ann" } }),
              comment("created", "2", 2, "two", { author: "7" }),
              comment("created", "3", 3, "three", { author: { name: "7" } })]);
            """)
        try stage.expect("rows.length", "3")
        #expect(try stage.value("list.comments.map((comment) => list.isMine(comment))") == "[false,false,false]")
        try stage.run(
            """
            tokens = 1;
            outcome(tidings.post({ thread: "a", text: "four" }));
            """)
        try stage.expect("changes.at(-1)", #"["update"]"#)
        #expect(try stage.value("list.comments.map((comment) => list.isMine(comment))") == "[true,false,false]")
    }

    @Test("a list that is closed says nothing any more")
    func ended() throws {
        let stage = try stage(options: "{ onState: (state) => states.push(`list ${state}`) }")
        try stage.run("say([comment('created', '1', 1, 'one')])")
        try stage.expect("rows.length", "1")
        try stage.run("list.close(); say([comment('created', '2', 2, 'two')])")
        try stage.expect("states.at(-1)", #""idle""#)
        #expect(try stage.value("states.includes('list closed')") == "true")
        #expect(try stage.value("rows.length") == "1")
    }
}
