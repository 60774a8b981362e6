import JSON
import Store
import TestSupport
import Testing

@testable import Pipeline

@Suite("a commit as a command")
struct CommitBuilderTests {
    private static let layout = PipelineLayout(name: "t", partitions: 4, stages: ["a", "b"])
    /// How a publication begins: with all policies, since a change reaches channels that the event does not name.
    private static let opening = [
        "publish", "kinds", "5", "*", "100", "604800000", "604800000", "forum", "200", "86400000", "86400000", "post",
        "state", "0", "604800000", "thread", "1000", "604800000", "604800000", "user", "100", "2592000000",
        "2592000000",
    ]

    /// What was decided about each event of a batch, as the arguments after the lease and the pipeline's shape.
    private func operations(
        _ lane: LaneID, _ raw: [String], layout: PipelineLayout = CommitBuilderTests.layout,
        _ decide: (Event) throws -> Disposition
    ) throws -> [String] {
        Array(try command(lane, raw, layout: layout, decide).dropFirst(14))
    }

    private func command(
        _ lane: LaneID, _ raw: [String], layout: PipelineLayout = CommitBuilderTests.layout,
        _ decide: (Event) throws -> Disposition
    ) throws -> [String] {
        var batch = Batch(raw: raw.map { Array($0.utf8) }, parser: JSONParser(maxBytes: 1 << 20))
        batch.decisions = try batch.entries.map { entry in
            switch entry {
            case .event(let event): try decide(event)
            case .unreadable(let reason): .reject(reason: reason)
            }
        }
        let builder = CommitBuilder(
            lane: lane, layout: layout, limits: PipelineLimits(), duplicates: DuplicatePolicy(),
            token: "77", parser: JSONParser(maxBytes: 1 << 20), now: 1000)
        return words(builder.call(for: batch, serial: 3, attempts: 2).command)
    }

    private let first = LaneID(stage: "a", partition: 1)
    private let last = LaneID(stage: "b", partition: 1)

    @Test("it begins with the lane, the token, the serial and the two ends of the batch")
    func head() throws {
        let head = ["FCALL", "tidings_commit", "2", "{t.1}:lane:a", "{t.1}:queue:a", "77", "3"]
        let three = try command(first, ["{}", #"{"a":1}"#, #"{"b":2}"#]) { .forward([$0]) }
        #expect(Array(three.prefix(14)) == head + ["3", "{}", #"{"b":2}"#, "10000", "shape", "1/4/a,b", "timed"])
        let one = try command(first, ["{}"]) { .forward([$0]) }
        #expect(Array(one.prefix(14)) == head + ["1", "{}", "", "10000", "shape", "1/4/a,b", "timed"])
    }

    @Test("only the decided head of a batch is committed")
    func partial() throws {
        var batch = Batch(raw: [Array("{}".utf8), Array("[]".utf8)], parser: JSONParser(maxBytes: 1 << 20))
        batch.decisions = [.drop(reason: "x")]
        let builder = CommitBuilder(
            lane: first, layout: Self.layout, limits: PipelineLimits(), duplicates: DuplicatePolicy(),
            token: "77", parser: JSONParser(maxBytes: 1 << 20), now: 1000)
        let arguments = words(builder.call(for: batch, serial: 1, attempts: 1).command)
        #expect(Array(arguments[7...9]) == ["1", "{}", ""])
    }

    @Test("what a limit left out of events is counted")
    func limited() throws {
        let words = try operations(first, ["{}", #"{"a":1}"#, #"{"b":2}"#]) { event in
            var event = event
            if event.fields["a"] == nil { event.countLimit("channels") }
            return .forward([event])
        }
        #expect(Array(words.suffix(6)) == ["count", "limited:channels", "2", "count", "out", "3"])
    }

    @Test("what is forwarded is pushed onto the next queue, unchanged events byte by byte")
    func forward() throws {
        let operations = try operations(first, [#"{ "x" : 1 }"#, #"{"y":2}"#]) { event in
            var event = event
            if event.fields["y"] != nil { event.fields["y"] = 3 }
            return .forward([event])
        }
        #expect(
            operations == [
                "push", "{t.1}:queue:b", "{t.1}:lane:b", "100000", "2", #"{"_v":"77-3-0","x" : 1 }"#,
                #"{"_v":"77-3-1","y":3}"#, "count", "out", "2",
            ])
    }

    @Test("a split counts its event once")
    func split() throws {
        let operations = try operations(first, ["{}"]) { .forward([$0, $0, $0]) }
        #expect(
            operations == [
                "push", "{t.1}:queue:b", "{t.1}:lane:b", "100000", "3", #"{"_v":"77-3-0"}"#, #"{"_v":"77-3-0"}"#,
                #"{"_v":"77-3-0"}"#, "count", "out", "1",
            ])
    }

    @Test("after the last stage nothing is pushed")
    func end() throws {
        #expect(try operations(last, ["{}"]) { .forward([$0]) } == ["count", "out", "1"])
    }

    @Test("the lane incoming pushes events into the partitions that they were assigned to, and counts its arrivals")
    func assigned() throws {
        let threads = (0..<12).map { "\($0)" }
        let raw = threads.map { #"{"thread":"\#($0)"}"# } + [#"{"thread":7}"#, #"{"text":"none"}"#]
        let operations = try operations(LaneID(stage: "incoming", partition: nil), raw) { event in
            guard let thread = event.fields["thread"] else { return .assign(event, partition: 0) }
            return .assign(event, partition: Self.layout.partition(of: thread.string ?? "7"))
        }
        var expected: [String] = []
        for partition in 0..<4 {
            var events = threads.filter { Self.layout.partition(of: $0) == partition }.map { #"{"thread":"\#($0)"}"# }
            if Self.layout.partition(of: "7") == partition { events.append(#"{"thread":7}"#) }
            if partition == 0 { events.append(#"{"text":"none"}"#) }
            if events.isEmpty { continue }
            expected +=
                ["push", "{t.\(partition)}:queue:a", "{t.\(partition)}:lane:a", "100000", "\(events.count)"] + events
        }
        #expect(operations == expected + ["count", "out", "14", "count", "in", "14"])
    }

    @Test("events with a key go through the set of repeats, together with those that have none, in order")
    func keys() throws {
        let operations = try operations(first, [#"{"k":"A"}"#, #"{"n":1}"#, #"{"k":"B"}"#]) { event in
            var keyed = event
            keyed.duplicateKey = event.fields["k"]?.string.map { Array($0.utf8) }
            return .forward(event.fields["k"] == nil ? [event] : [keyed, event])
        }
        #expect(
            operations == [
                "once", "{t.1}:queue:b", "{t.1}:lane:b", "100000", "{t.1}:seen", "600000", "200000", "5",
                "A", #"{"_v":"77-3-0","k":"A"}"#, "", #"{"_v":"77-3-0","k":"A"}"#, "\0",
                #"{"_v":"77-3-1","n":1}"#, "B", #"{"_v":"77-3-2","k":"B"}"#, "", #"{"_v":"77-3-2","k":"B"}"#,
            ])
    }

    @Test("what is published is written once and named by number for each channel, in order of first use")
    func publish() throws {
        let operations = try operations(last, [#"{"i":1}"#, #"{"i":2}"#]) { event in
            .publish(event, channels: event.fields["i"] == 1 ? ["x", "y"] : ["z", "x"])
        }
        #expect(Array(operations.prefix(23)) == Self.opening)
        #expect(
            Array(operations[23...]) == [
                "{t.1}:dead:b", "10000", "{t.1}:post:", "2", "", "", #"{"i":1}"#, "", "", #"{"i":2}"#, "3",
                "x", "1", "2", "1", "2", "y", "1", "1", "1", "z", "1", "1", "2", "count", "out", "2",
            ])
    }

    @Test("each channel names the policy of its kind, and each policy is written once")
    func kinds() throws {
        let operations = try operations(last, [#"{"i":1}"#]) { event in
            .publish(event, channels: ["post:1", "thread:1", "x:1", "post:2", "y", "user:", "forum"])
        }
        #expect(Array(operations.prefix(23)) == Self.opening)
        #expect(
            Array(operations[30...]) == [
                "7", "post:1", "3", "1", "1", "thread:1", "4", "1", "1", "x:1", "1", "1", "1", "post:2", "3", "1", "1",
                "y", "1", "1", "1", "user:", "5", "1", "1", "forum", "1", "1", "1", "count", "out", "1",
            ])
    }

    @Test("two spellings of one name are two channels")
    func spellings() throws {
        let operations = try operations(last, [#"{"i":1}"#, #"{"i":2}"#]) { event in
            .publish(event, channels: [event.fields["i"] == 1 ? "caf\u{E9}" : "cafe\u{301}"])
        }
        let names = operations.dropFirst(Self.opening.count + 10).map { Array($0.utf8) }
        #expect(
            names
                == [
                    "2", "caf\u{E9}", "1", "1", "1", "cafe\u{301}", "1", "1", "2", "count", "out", "2",
                ].map { Array($0.utf8) })
    }

    @Test("what is published before the last stage is handed on as well")
    func publishOn() throws {
        let operations = try operations(first, ["{}"]) { .publish($0, channels: []) }
        #expect(
            operations == [
                "push", "{t.1}:queue:b", "{t.1}:lane:b", "100000", "1", #"{"_v":"77-3-0"}"#, "count", "out", "1",
            ])
    }

    @Test("drops are counted by their reason, an empty forward is one of them")
    func drop() throws {
        let operations = try operations(first, [#"{"i":1}"#, #"{"i":2}"#, #"{"i":3}"#]) { event in
            event.fields["i"] == 2 ? .forward([]) : .drop(reason: "spam")
        }
        #expect(
            operations == ["count", "dropped", "3", "count", "dropped:empty", "1", "count", "dropped:spam", "2"])
    }

    @Test("rejected and held events become letters, what is no JSON among them")
    func letters() throws {
        let operations = try operations(first, ["no JSON", #"{"i":1}"#]) { .hold($0, reason: "look at it") }
        #expect(Array(operations[..<5]) == ["letter", "dead", "{t.1}:dead:a", "10000", "1"])
        let dead = try ParsedJSON(parsing: operations[5])
        #expect(dead["event"] == "no JSON")
        #expect(dead["error"]?.string?.hasPrefix("not a JSON object") == true)
        #expect(dead["attempts"] == 2)
        #expect(dead["id"] == "a.1-77-3-0")
        #expect(Array(operations[6..<11]) == ["letter", "held", "{t.1}:held:a", "10000", "1"])
        let held = try ParsedJSON(parsing: operations[11])
        #expect(held["event"] == ["_v": "77-3-1", "i": 1])
        #expect(held["error"] == "look at it")
        #expect(held["id"] == "a.1-77-3-1")
        #expect(operations.count == 12)
    }

    private func comment(_ kind: String, version: String = "", id: String = "c") -> String {
        #"{\#(version)"thread":"42","id":"\#(id)","type":"comment.\#(kind)"}"#
    }

    @Test("an event keeps the version that it has; only the first stage of a partition gives one")
    func versions() throws {
        let given = #"{"_v":"5-1-2","i":1}"#
        #expect(try operations(first, [given]) { .forward([$0]) }[5] == given)
        #expect(
            try operations(first, [given, "{}"]) { _ in .reject(reason: "x") }.suffix(2).map {
                try ParsedJSON(parsing: $0)["event"]?["_v"]?.string
            } == ["5-1-2", "77-3-1"])
        let middle = PipelineLayout(name: "t", partitions: 4, stages: ["0", "a", "b"])
        #expect(try operations(first, ["{}"], layout: middle) { .forward([$0]) }[5] == "{}")
        // Somebody has put it into an inlet: it is not ours.
        let inlet = LaneID(stage: "incoming", partition: 1)
        #expect(
            try operations(inlet, [#"{"_v":"9-9-9","_v":"9-9-8","thread":"1"}"#]) { .assign($0, partition: 1) }[5]
                == #"{"thread":"1"}"#)
    }

    @Test("the sender goes with the event, unseen by stages, and into what the functions compare")
    func senders() throws {
        let raw = #"{"_by":"u:4\u0032","thread":"42","id":"c","type":"comment.edited"}"#
        let stamped = #"{"_v":"77-3-0","_by":"u:4\u0032","thread":"42","id":"c","type":"comment.edited"}"#
        let handed = try operations(first, [raw]) { event in
            #expect(event.fields.keys == ["thread", "id", "type"])
            #expect(event.sender.text == "u:42")
            return .forward([event])
        }
        #expect(Array(handed[6..<11]) == ["go", "42\0c", "77-3-0", "edited u:42", stamped])
        #expect(
            try operations(last, [#"{"_v":"5-1-2","_by":"m:9","thread":"42","id":"c"}"#]) {
                .publish($0, channels: ["x"])
            }.dropFirst(Self.opening.count + 3).prefix(4) == [
                "1", "42\0c", "5-1-2 created m:9", #"{"thread":"42","id":"c"}"#,
            ])
        // The door and the dead letters keep it.
        let inlet = LaneID(stage: "incoming", partition: nil)
        #expect(try operations(inlet, [raw]) { .assign($0, partition: 1) }[5] == raw)
        let dead = try operations(first, [raw]) { _ in .reject(reason: "x") }
        #expect(try ParsedJSON(parsing: dead[5])["event"]?["_by"] == "u:42")
        let changed = try operations(
            last, [stamped], layout: PipelineLayout(name: "t", partitions: 4, stages: ["a", "b", "c"])
        ) {
            var event = $0
            event.fields["x"] = 1
            return .forward([event])
        }
        #expect(changed[10].hasPrefix(#"{"_v":"77-3-0","_by":"u:4\u0032","thread":"42","#))
        #expect(changed[10].hasSuffix(#","x":1}"#))
    }

    @Test("what should name a sender and does not is a dead letter, not the web app's")
    func foreignSender() throws {
        let operations = try operations(first, [#"{"_by":7,"thread":"42"}"#]) { .forward([$0]) }
        #expect(Array(operations[..<2]) == ["letter", "dead"])
        #expect(try ParsedJSON(parsing: operations[5])["error"]?.string?.hasPrefix("`_by` names no sender") == true)
    }

    @Test("a stage sees no version, and the creation that an edit has become")
    func stripped() throws {
        _ = try operations(last, [#"{"_v":"5-1-2 created","_job":1,"type":"comment.edited"}"#]) { event in
            #expect(event.fields.keys == ["_job", "type"])
            #expect(event.fields["type"] == "comment.created")
            return .forward([event])
        }
    }

    @Test("edits and deletions that are handed on name their comment, so that the functions find what is held of it")
    func changes() throws {
        let version = #""_v":"5-1-2","#
        let raw = ["created", "edited", "deleted"].map { comment($0, version: version) }
        #expect(
            try operations(first, raw + [#"{"thread":"42","id":"c","type":"vote"}"#]) { .forward([$0]) } == [
                "change", "{t.1}:held:a", "{t.1}:post:", "2592000000", "10000", "2",
                "go", "42\0c", "5-1-2", "edited", raw[1], "go", "42\0c", "5-1-2", "deleted", raw[2],
                "push", "{t.1}:queue:b", "{t.1}:lane:b", "100000", "4", raw[0], "\u{0}1", "\u{0}2",
                #"{"_v":"77-3-3","thread":"42","id":"c","type":"vote"}"#, "count", "out", "2",
            ])
    }

    @Test("a held comment names itself; what is no comment is a letter like any other")
    func heldChange() throws {
        let operations = try operations(first, [comment("created"), #"{"thread":"42"}"#]) { .hold($0, reason: "x") }
        #expect(
            Array(operations[..<10]) == [
                "change", "{t.1}:held:a", "{t.1}:post:", "2592000000", "10000", "1", "hold", "42\0c", "77-3-0",
                "created",
            ])
        #expect(try ParsedJSON(parsing: operations[10])["event"]?["_v"] == "77-3-0")
        #expect(Array(operations[11..<16]) == ["letter", "held", "{t.1}:held:a", "10000", "1"])
        #expect(operations.count == 17)
    }

    @Test("a conversation is closed and opened by the web app and moderators; of others that is dropped as not theirs")
    func conversations() throws {
        func closing(_ type: String, by sender: String = "") -> String {
            #"{"_v":"5-1-2",\#(sender.isEmpty ? "" : #""_by":"\#(sender)","#)"thread":"42","type":"thread.\#(type)"}"#
        }
        let key = "k:0123456789012345678901"
        let raw = [
            closing("closed"), closing("opened", by: "m:9"), closing("opened", by: "u:9"), closing("closed", by: key),
        ]
        let published = #"{"thread":"42","type":"thread."#
        let operations = try operations(last, raw) { .publish($0, channels: ["x"]) }
        #expect(
            Array(operations.dropFirst(Self.opening.count + 2)) == [
                "{t.1}:post:", "2", "42", "closed", published + #"closed"}"#, "42", "opened", published + #"opened"}"#,
                "1", "x", "1", "2", "1", "2", "count", "dropped", "2", "count", "dropped:not-yours", "2",
                "count", "out", "2",
            ])
        // It counts without a channel, and what is not theirs is not handed on.
        let onward = try self.operations(first, raw) { .publish($0, channels: []) }
        #expect(onward.contains("publish") && !onward.contains("x"))
        let push = try #require(onward.firstIndex(of: "push"))
        #expect(Array(onward[(push + 4)..<(push + 7)]) == ["2", raw[0], raw[1]])
    }

    @Test("comments are published with their versions, and counted by the functions")
    func published() throws {
        let raw = ["created", "edited"].map { comment($0, version: #""_v":"5-1-2","#) } + [comment("created")]
        let changes: [String] = [
            "change", "{t.1}:held:b", "{t.1}:post:", "2592000000", "10000", "1",
            "go", "42\0c", "5-1-2", "edited", raw[1],
        ]
        let publication: [String] = [
            "{t.1}:dead:b", "10000", "{t.1}:post:", "3",
            "42\0c", "5-1-2 created", comment("created"), "\u{0}1", "", comment("edited"),
            "", "", comment("created"),
            "1", "x", "1", "3", "1", "2", "3", "count", "out", "1",
        ]
        let operations = try operations(last, raw) { .publish($0, channels: ["x"]) }
        #expect(operations == changes + Self.opening + publication)
    }
}
