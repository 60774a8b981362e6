import Testing

@testable import Bench

@Suite("Figures that the repository keeps")
struct FigureBookTests {
    private static func book(_ values: [CheckMetric: Double], counter: String? = "callgrind, x86_64") -> FigureBook {
        var book = FigureBook()
        book.figures["a pipeline"] = values
        book.counter = counter
        return book
    }

    private static let kept = book([.redis: 10, .commands: 20, .bytes: 2000, .keys: 4, .instructions: 100_000])

    private static func verdicts(_ measured: FigureBook, kept: FigureBook = kept) -> [CheckMetric: CheckReport.Row
        .Verdict]
    {
        let rows = CheckReport(kept: kept, measured: measured).rows
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.metric, $0.verdict) })
    }

    @Test("a book is read as it was written, a figure a line")
    func file() throws {
        var book = Self.kept
        book.room[.redis] = 33
        book.figures["another, \"life\""] = [.redis: 0.527]
        #expect(try FigureBook(text: book.text, path: "x") == book)
        #expect(book.text.contains("\n      \"commands\": 20.0,\n"))
        var none = Self.kept
        none.counter = nil
        #expect(try FigureBook(text: none.text, path: "x").counter == nil)
    }

    @Test("a file that is none is refused, with what is wrong")
    func refused() {
        for (text, reason) in [
            ("", "cannot be read"), ("{}", "no figures"), (#"{"figures":{"a":{"speed":1}}}"#, "no figure 'speed'"),
            (#"{"room_percent":{"speed":1},"figures":{"a":{"commands":1}}}"#, "no figure 'speed'"),
        ] {
            do {
                _ = try FigureBook(text: text, path: "x.json")
                Issue.record("\(text) was taken")
            } catch {
                #expect("\(error)".contains(reason) && "\(error)".hasPrefix("x.json"), "\(error)")
            }
        }
    }

    @Test("within the room nothing is said; beyond it, dearer or cheaper")
    func room() {
        #expect(Self.verdicts(Self.kept).values.allSatisfy { $0 == .fine })
        let inside = Self.book([.redis: 11.9, .commands: 21, .bytes: 2130, .keys: 4.2, .instructions: 105_000])
        #expect(Self.verdicts(inside).values.allSatisfy { $0 == .fine })
        let outside = Self.book([.redis: 12.1, .commands: 21.1, .bytes: 2150, .keys: 4.3, .instructions: 105_300])
        #expect(Self.verdicts(outside).values.allSatisfy { $0 == .dearer })
        let below = Self.book([.redis: 7.9, .commands: 18.9, .bytes: 1850, .keys: 3.7, .instructions: 94_000])
        #expect(Self.verdicts(below).values.allSatisfy { $0 == .cheaper })
        var strict = Self.kept
        strict.room[.redis] = 1
        #expect(Self.verdicts(inside, kept: strict)[.redis] == .dearer)
    }

    @Test("where next to nothing stays, noise is not dearer")
    func slack() {
        let kept = Self.book([.bytes: 9, .keys: 0.001, .commands: 0.1])
        #expect(
            Self.verdicts(Self.book([.bytes: 40, .keys: 0.04, .commands: 0.14]), kept: kept).values.allSatisfy {
                $0 == .fine
            })
        #expect(
            Self.verdicts(Self.book([.bytes: 60, .keys: 0.1, .commands: 0.2]), kept: kept).values.allSatisfy {
                $0 == .dearer
            })
    }

    @Test("instructions that another counter counted are not compared, nor what one side lacks")
    func notCompared() {
        let other = Self.book([.redis: 10, .instructions: 900_000], counter: "perf, x86_64")
        let verdicts = Self.verdicts(other)
        #expect(
            verdicts[.instructions] == .notCompared && verdicts[.commands] == .notCompared && verdicts[.redis] == .fine)
    }

    @Test("the table names what is dearer, with the change and the room")
    func table() throws {
        let report = CheckReport(kept: Self.kept, measured: Self.book([.redis: 15, .commands: 20]))
        let lines = report.text.split(separator: "\n")
        let redis = try #require(lines.first { $0.contains("yardstick") })
        #expect(
            redis.contains("10.00") && redis.contains("15.00") && redis.contains("+50 %")
                && redis.hasSuffix("20 %  DEARER"))
        #expect(report.dearer.map(\.metric) == [.redis] && report.cheaper.isEmpty)
    }

    @Test("a worker under perf is told that perf is its parent")
    func parent() {
        let words = InstructionCount.underParent([
            "/bin/tidings", "work", "--child", "x", "--parent", "42", "--grace", "20",
        ])
        #expect(words.suffix(6) == ["/bin/tidings", "work", "--child", "x", "--grace", "20"])
        #expect(words[2].hasSuffix("--parent $PPID"))
    }

    @Test("the counts of perf and callgrind are read, and missing ones noticed")
    func counters() {
        #expect(InstructionCount.perfCount("# started\n\n123456789,,instructions:u,1000,100.00,,\n") == 123_456_789)
        #expect(InstructionCount.perfCount("<not supported>,,instructions:u,0,100.00,,\n") == nil)
        #expect(InstructionCount.perfCount("") == nil)
        #expect(InstructionCount.callgrindCount("fn=(1)\n0 12\nsummary: 41\n\ntotals: 42\n") == 42)
        #expect(InstructionCount.callgrindCount("summary: 41\n") == nil)
    }
}
