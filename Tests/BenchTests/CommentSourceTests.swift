import JSON
import Store
import TestSupport
import Testing

@testable import Bench

@Suite("Events that a benchmark puts in")
struct CommentSourceTests {
    private static func objects(_ comments: [LoadComment]) throws -> [JSONObject] {
        let parser = JSONParser(maxBytes: 1 << 20)
        return try comments.map { try parser.parseObject($0.bytes) }
    }

    @Test("the same seed gives the same events, another one others")
    func determinism() {
        var (one, same, other) = (LifeComments(seed: 7), LifeComments(seed: 7), LifeComments(seed: 8))
        let events = one.next(2000)
        #expect(events == same.next(2000))
        #expect(events != other.next(2000))
    }

    /// The same on every machine: figures of two machines are about the same events.
    @Test("the events of seed 1 are these")
    func pinned() {
        var source = LifeComments(seed: 1)
        var sum: UInt64 = 14_695_981_039_346_656_037
        for comment in source.next(500) {
            for byte in comment.bytes { sum = (sum ^ UInt64(byte)) &* 1_099_511_628_211 }
        }
        #expect(sum == 8_124_510_420_842_998_425)
    }

    @Test("threads and authors follow Zipf's law")
    func zipf() throws {
        let count = 40_000
        var source = LifeComments(seed: 3)
        var threads: [String: Int] = [:]
        var authors: [Int64: Int] = [:]
        var created = 0
        for fields in try Self.objects(source.next(count)) where fields["type"]?.string == "comment.created" {
            created += 1
            threads[fields["thread"]?.string ?? "", default: 0] += 1
            authors[fields["author"]?["id"]?.int ?? -1, default: 0] += 1
        }
        for rank in [0, 1, 2, 9, 49] {
            let expected = Double(created) * LifeComments.threads.share(of: rank)
            let found = Double(threads["article-\(rank)"] ?? 0)
            // Five deviations of a count.
            #expect(abs(found - expected) < 5 * expected.squareRoot(), "thread \(rank): \(found), not \(expected)")
        }
        for rank in [0, 1, 4] {
            let expected = Double(created) * LifeComments.authors.share(of: rank)
            let found = Double(authors[Int64(rank)] ?? 0)
            #expect(abs(found - expected) < 5 * expected.squareRoot(), "author \(rank): \(found), not \(expected)")
        }
    }

    @Test("of all events 3 % edit and 2 % delete a comment that was there and lives, in its thread")
    func changes() throws {
        let count = 40_000
        var source = LifeComments(seed: 5)
        var living: [String: (thread: String, author: JSON?)] = [:]
        var kinds: [String: Int] = [:]
        var ids: Set<String> = []
        for fields in try Self.objects(source.next(count)) {
            let type = try #require(fields["type"]?.string)
            let id = try #require(fields["id"]?.string)
            let thread = try #require(fields["thread"]?.string)
            kinds[type, default: 0] += 1
            #expect(ids.insert(try #require(fields["event_id"]?.string)).inserted)
            if type == "comment.created" {
                #expect(living[id] == nil)
                if let parent = fields["parent"]?.string { #expect(living[parent]?.thread == thread) }
                living[id] = (thread, fields["author"]?["id"])
            } else {
                let comment = try #require(living[id], "\(type) of \(id), which does not live")
                #expect(comment.thread == thread)
                if type == "comment.deleted" {
                    living[id] = nil
                } else {
                    #expect(comment.author == fields["author"]?["id"])
                }
            }
        }
        for (type, share) in [("comment.edited", LifeComments.edits), ("comment.deleted", LifeComments.deletions)] {
            let expected = Double(count) * share
            #expect(abs(Double(kinds[type] ?? 0) - expected) < 5 * expected.squareRoot(), "\(kinds)")
        }
        #expect(kinds.count == 3)
    }

    @Test("texts and names have the lengths that people give them")
    func lengths() throws {
        var source = LifeComments(seed: 9)
        var texts: [Int] = []
        var names: [Int] = []
        for fields in try Self.objects(source.next(10_000)) {
            guard let text = fields["text"]?.string, let name = fields["author"]?["name"]?.string else { continue }
            texts.append(text.count)
            names.append(name.count)
        }
        texts.sort()
        names.sort()
        #expect((90...140).contains(texts[texts.count / 2]), "\(texts[texts.count / 2])")
        #expect((800...2200).contains(texts[texts.count * 99 / 100]), "\(texts[texts.count * 99 / 100])")
        #expect(texts[0] >= 2 && texts[0] < 20 && texts[texts.count - 1] <= 5200)
        #expect((8...14).contains(names[names.count / 2]) && names[0] >= 2 && names[names.count - 1] <= 24)
    }

    @Test("Zipf's law draws each rank as often as it says")
    func law() {
        let law = ZipfLaw(4, exponent: 1)
        // 1 + 1/2 + 1/3 + 1/4 = 25/12.
        #expect(abs(law.share(of: 0) - 0.48) < 1e-9 && abs(law.share(of: 3) - 0.12) < 1e-9)
        #expect([0, 0.47, 0.49, 0.71, 0.73, 0.87, 0.89, 0.9999].map(law.rank) == [0, 0, 1, 1, 2, 2, 3, 3])
    }

    @Test("the worst input has no two events alike, in 500 threads")
    func worst() throws {
        var source = WorstComments()
        let events = source.next(3000)
        #expect(Set(events.map(\.eventID)).count == 3000 && Set(events.map(\.thread)).count == 500)
        #expect(try Self.objects(events).allSatisfy { $0["text"]?.string?.count == 165 })
        var again: any CommentSource = BenchInput.worst.source()
        let layout = BenchShape.standard.layout
        let parts = again.next(3000, for: layout)
        #expect(parts.values.reduce(0) { $0 + $1.count } == 3000)
        #expect(parts[layout.partition(of: "t0")]?.first == events[0].bytes)
    }
}

@Suite("A file of events as input")
struct CommentFileTests {
    private static let text = """
        {"id":7,"event_id":"e1","thread":"a","text":"one"}

        {"id":"8","thread":42,"parent":7,"text":"two"}
        {"id":"8","type":"comment.edited","thread":42,"text":"three"}
        {"type":"thread.closed","thread":"a"}

        """

    @Test("a file that is too short begins anew with fresh ids; only closed threads are others")
    func rounds() throws {
        var file = try CommentFile(path: "x.ndjson", text: Self.text)
        #expect(file.count == 4)
        let events = file.next(12)
        let parser = JSONParser(maxBytes: 1 << 20)
        let fields = try events.map { try parser.parseObject($0.bytes) }
        #expect(fields[0]["id"] == 7 && fields[0]["event_id"] == "e1" && fields[0]["text"] == "one")
        #expect(fields[4]["id"] == "7-1" && fields[4]["event_id"] == "e1-1" && fields[4]["thread"] == "a-1")
        #expect(fields[9]["id"] == "8-2" && fields[9]["parent"] == "7-2" && fields[9]["thread"] == 42)
        #expect(fields[10]["id"] == "8-2" && fields[11]["thread"] == "a-2" && fields[11]["id"] == nil)
        #expect(Set(events.map(\.eventID)).count == 12)
        #expect(fields.map { $0["event_id"]?.string } == events.map(\.eventID))
        #expect(events.map(\.thread) == ["a", "42", "42", "a", "a-1", "42", "42", "a-1", "a-2", "42", "42", "a-2"])
    }

    @Test("what is no file of events is refused with the line")
    func refused() {
        for (text, reason) in [
            ("", "has no events"), ("{\"thread\":1}\n[]", "line 2"),
            ("{\"text\":\"x\"}", "line 1: `thread` is missing"),
        ] {
            do {
                _ = try CommentFile(path: "x.ndjson", text: text)
                Issue.record("\(text) was taken")
            } catch {
                #expect("\(error)".contains(reason), "\(error)")
            }
        }
        #expect(throws: (any Error).self) { try CommentFile(path: "/nonexistent.ndjson") }
    }
}
