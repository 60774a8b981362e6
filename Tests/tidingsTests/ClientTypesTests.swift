import Foundation
import TestSupport
import Testing

/// The declarations of `tidings.js` say what there is: each name is looked for where the browser has it.
///
/// That they are good TypeScript is checked by `make types`, with TypeScript's own compiler.
@Suite(.serialized, .browser)
struct ClientTypesTests {
    let declared: TypeDeclarations
    let stage: ClientStage

    init() throws {
        let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
        let file = root.appendingPathComponent("Sources/Edge/Pages/Client/tidings.d.ts")
        declared = TypeDeclarations(try String(contentsOf: file, encoding: .utf8))
        stage = try ClientStage(in: .ofSuite())
    }

    private func names(_ type: String) throws -> Set<String> {
        Set(try declared.members(of: type).map(\.name))
    }

    private func list(_ expression: String) throws -> Set<String> {
        Set(try ParsedJSON(parsing: stage.value(expression)).array?.compactMap(\.string) ?? [])
    }

    @Test("the class has every member that is declared, and its methods take as many parameters")
    func members() throws {
        let members = try declared.members(of: "Tidings")
        #expect(
            members.map(\.name) == [
                "version", "Error", "text", "state", "onState", "subscribe", "list", "post", "edit", "remove", "retry",
                "close",
            ])
        for member in members {
            let owner = member.isStatic ? "Tidings" : "tidings"
            #expect(try stage.value("'\(member.name)' in \(owner)") == "true", "\(member.name)")
            guard let needed = member.needed else { continue }
            #expect(try stage.value("\(owner).\(member.name).length") == "\(needed)", "\(member.name)")
        }
        // Both parameters of the constructor have defaults.
        #expect(try stage.value("Tidings.length") == "0")
        #expect(try stage.value("typeof Tidings.version") == #""string""#)
    }

    @Test("a subscription has every member that is declared")
    func subscription() throws {
        try stage.run("window.subscription = follow('thread:a')")
        for member in try declared.members(of: "Subscription") {
            #expect(try stage.value("'\(member.name)' in subscription") == "true", "\(member.name)")
            if let needed = member.needed {
                #expect(try stage.value("subscription.\(member.name).length") == "\(needed)", "\(member.name)")
            }
        }
        #expect(try names("Subscription") == ["channel", "offset", "state", "isClosed", "close"])
    }

    @Test("a list, and each of its steps, has every member that is declared")
    func list() throws {
        try stage.run(
            """
            answers.push({ body: news("thread:d", "p1", [{ thread: "d", id: "1", type: "comment.created" }]) });
            window.list = tidings.list("thread:d", { onChange: (list, steps) => { window.step ??= steps[0]; } });
            """)
        try stage.expect("list.comments.length", "1")
        for member in try declared.members(of: "CommentList") {
            #expect(try stage.value("'\(member.name)' in list") == "true", "\(member.name)")
            if let needed = member.needed {
                #expect(try stage.value("list.\(member.name).length") == "\(needed)", "\(member.name)")
            }
        }
        #expect(try list("Object.keys(step)") == names("Step"))
    }

    @Test("the options of a list, and of a write, that are declared are those that are read, and no others")
    func readOptions() throws {
        try stage.run(
            """
            const spy = (read) => new Proxy({}, { get(target, name) { read.add(String(name)); } });
            window.listed = new Set(); window.wrote = new Set();
            tidings.list("thread:a", spy(listed)).close();
            verdicts.push("broken");
            outcome(tidings.post({ thread: "a", text: "one" }, spy(wrote)));
            """)
        try stage.expect("outcomes.length", "1")
        #expect(try list("[...listed]") == names("ListOptions"))
        #expect(try list("[...wrote]") == names("WriteOptions"))
    }

    @Test("what was sent has the members that are declared, also in the error that says it was refused")
    func written() throws {
        try stage.run(
            """
            verdicts.push({ status: 202, body: { ids: ["1"] } }, { status: 409, body: { error: "closed" } });
            tidings.post({ thread: "a", text: "one" }).then((event) => { window.taken = event; });
            tidings.remove({ thread: "a", id: "1" }).catch(({ event }) => { window.refused = event; });
            """)
        try stage.expect("typeof taken + typeof refused", #""objectobject""#)
        for name in try names("Written") {
            #expect(try stage.value("'\(name)' in taken && '\(name)' in refused") == "true", "\(name)")
        }
    }

    @Test("the options of a subscription that are declared are those that are read, and no others")
    func subscriptionOptions() throws {
        try stage.run(
            """
            window.read = [];
            tidings.subscribe("thread:a", new Proxy({}, { get(target, name) { read.push(String(name)); } })).close();
            """)
        #expect(try list("read") == names("SubscriptionOptions"))
    }

    @Test("the options that are declared are those that have a default, and no others")
    func options() throws {
        // They are copied whole; what is looked for afterwards stands beside the copy.
        try stage.run(
            #"window.literal = /#options = \{([^]*?)\.\.\.options/.exec(Tidings.toString())[1]"#)
        let defaults = try list(#"[...literal.matchAll(/(\w+):/g)].map((match) => match[1])"#)
        #expect(try defaults == names("Options") && !defaults.isEmpty)
    }

    @Test("what callbacks are given has the members that are declared")
    func callbacks() throws {
        try stage.run(
            """
            window.given = {};
            const note = (name) => (...values) => { given[name] = Object.keys(values.at(-1)); };
            answers.push({ body: news("thread:b", "p1", [{ id: "1" }], true) });
            answers[0].body.channels["thread:b"].closed = true;
            tidings.subscribe("thread:b", {
              from: "-1", onEvent: note("EventInfo"), onReset: note("reset"), onClosed: note("closed"),
              onState: note("StateDetail") });
            """)
        try stage.expect("Object.keys(given).length", "4")
        #expect(try list("given.EventInfo") == names("EventInfo"))
        #expect(try list("given.StateDetail") == names("StateDetail"))
        #expect(try list("given.reset") == ["channel"])
        #expect(try list("given.closed") == ["channel", "isClosed"])
    }

    @Test("an error has the members that are declared, and is one of Tidings.Error")
    func errors() throws {
        try stage.run(
            """
            answers.push({ status: 404, body: { error: "nothing here" } });
            tidings.subscribe("thread:c", { from: "-1", onError: (error) => { window.caught = error; } });
            """)
        try stage.expect("typeof caught", #""object""#)
        for member in try declared.members(of: "TidingsError") {
            #expect(try stage.value("'\(member.name)' in caught") == "true", "\(member.name)")
        }
        #expect(try names("TidingsError") == ["status", "channel", "event", "retryAfter"])
        #expect(try stage.value("caught instanceof Tidings.Error && caught instanceof Error") == "true")
        let caught = try stage.value("[caught.status, caught.channel, caught.message]")
        #expect(caught == #"[404,"thread:c","nothing here"]"#)
    }

    @Test("the states that are declared are those that the script knows")
    func states() throws {
        let states = declared.alternatives(of: "State")
        #expect(states.count == 7)
        let script = try ClientPage.script
        for state in states { #expect(script.contains("\"\(state)\""), "\(state)") }
    }
}
