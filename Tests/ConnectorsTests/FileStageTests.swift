import Glibc
import Pipeline
import TestSupport
import Testing

@testable import Connectors

@Suite("a file of all events")
struct FileStageTests {
    private let bench: ExecBench
    private let folder: TemporaryFolder

    init() throws {
        bench = try ExecBench()
        folder = bench.folder
    }

    private func stage(rotate: Int? = nil, keep: Int = 0, sync: Bool = false) -> FileStage {
        var options = FileOptions(path: folder.file("c.ndjson"))
        options.rotate = rotate
        options.keep = keep
        options.sync = sync
        return FileStage(options)
    }

    private static func lines(_ numbers: some Sequence<Int>) -> String {
        numbers.map { #"{"thread":"1","n":\#($0)}"# + "\n" }.joined()
    }

    /// The rotated files, oldest first, then the current one.
    private func files() throws -> [String] {
        let names = try TestSupport.ChildProcess.run("ls", [folder.path]).output.split(separator: "\n").map(String.init)
        return ArchiveName(path: folder.file("c.ndjson"), partition: 0).rotated(among: names).map {
            folder.read(String($0.dropFirst(folder.path.count + 1)))
        } + [folder.read("c.0.ndjson")]
    }

    @Test("each event is a line of its partition's file and goes on unchanged", arguments: [false, true])
    func append(sync: Bool) throws {
        let stage = stage(sync: sync)
        let spread = try ExecBench.event("{\"thread\":\"1\",\n\"n\":2}")
        #expect(
            try bench.run(stage, try ExecBench.events(0..<2))
                == [#"publish {"thread":"1","n":0} []"#, #"publish {"thread":"1","n":1} []"#])
        #expect(try bench.prepare(stage, [spread]) == nil)
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<3))
        var other: [StageError?] = []
        stage.prepare([spread], context: bench.context(partition: 3)) { other.append($0) }
        let third = self.stage()
        third.prepare([spread], context: bench.context(partition: 3)) { other.append($0) }
        #expect(folder.read("c.3.ndjson") == Self.lines(2..<3))
    }

    @Test(
        "lines that a worker appended before it died are not appended again, for any size of batch",
        arguments: [1, 3, 10, 25])
    func died(size: Int) throws {
        #expect(try bench.prepare(stage(), try ExecBench.events(0..<5)) == nil)
        #expect(try bench.prepare(stage(), try ExecBench.events(5..<15)) == nil)
        // The second batch was not committed: it is delivered again, followed by new events.
        let successor = stage()
        for start in stride(from: 5, to: 30, by: size) {
            let numbers = start..<min(30, start + size)
            #expect(try bench.prepare(successor, try ExecBench.events(numbers)) == nil)
            // Every other batch is delivered twice, as after a rejected commit.
            if start % 2 == 0 { #expect(try bench.prepare(successor, try ExecBench.events(numbers)) == nil) }
        }
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<30))
    }

    @Test("a line that was not written to its end is cut off and written anew")
    func partial() throws {
        try folder.write(Self.lines(0..<3) + #"{"thread":"1","n""#, to: "c.0.ndjson")
        #expect(try bench.prepare(stage(), try ExecBench.events(2..<6)) == nil)
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<6))
        try folder.write(#"{"thre"#, to: "c.0.ndjson")
        #expect(try bench.prepare(stage(), try ExecBench.events(0..<1)) == nil)
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<1))
    }

    @Test("a file that would grow too large is renamed first; batches stay whole, and the newest files are kept")
    func rotation() throws {
        let size = Self.lines(10..<20).utf8.count
        let stage = stage(rotate: 2 * size, keep: 2)
        for start in stride(from: 10, to: 90, by: 10) {
            #expect(try bench.prepare(stage, try ExecBench.events(start..<start + 10)) == nil)
        }
        #expect(try files() == [Self.lines(30..<50), Self.lines(50..<70), Self.lines(70..<90)])
    }

    @Test("what was appended before a change of files is recognised behind it")
    func overRotation() throws {
        let size = Self.lines(10..<20).utf8.count
        #expect(try bench.prepare(stage(rotate: size), try ExecBench.events(10..<20)) == nil)
        #expect(try bench.prepare(stage(rotate: size), try ExecBench.events(20..<30)) == nil)
        #expect(try bench.prepare(stage(rotate: size), try ExecBench.events(15..<35)) == nil)
        // Without a current file the newest rotated one is examined.
        #expect(rename(folder.file("c.0.ndjson"), folder.file("c.0.20300101T000000Z.ndjson")) == 0)
        #expect(try bench.prepare(stage(rotate: size), try ExecBench.events(33..<37)) == nil)
        #expect(try files().joined() == Self.lines(10..<37))
    }

    @Test("when the file is renamed, the next batch goes into a new one")
    func movedAway() throws {
        let stage = stage()
        #expect(try bench.prepare(stage, try ExecBench.events(0..<2)) == nil)
        #expect(rename(folder.file("c.0.ndjson"), folder.file("old")) == 0)
        // Lines that were appended to the old file without a commit are not written again.
        #expect(try bench.prepare(stage, try ExecBench.events(1..<4)) == nil)
        #expect(folder.read("old") == Self.lines(0..<2))
        #expect(folder.read("c.0.ndjson") == Self.lines(2..<4))
    }

    @Test("a file has one writer; another waits for its lock")
    func lock() throws {
        var first: FileStage? = stage()
        let second = stage()
        #expect(try bench.prepare(first!, try ExecBench.events(0..<1)) == nil)
        #expect(try bench.prepare(second, try ExecBench.events(1..<2))?.message.contains("another process") == true)
        first = nil
        #expect(try bench.prepare(second, try ExecBench.events(1..<2)) == nil)
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<2))
    }

    @Test("a missing folder and a full disk are errors that say what to do")
    func errors() throws {
        let missing = FileStage(FileOptions(path: folder.file("none/c.ndjson")))
        #expect(
            try bench.prepare(missing, try ExecBench.events([1]))?.message
                == "\(folder.file("none/c.0.ndjson")) cannot be opened: No such file or directory; make its folder")
        #expect(symlink("/dev/full", folder.file("c.0.ndjson")) == 0)
        let message = try bench.prepare(stage(), try ExecBench.events([1]))?.message
        #expect(message?.hasSuffix("No space left on device; make room on the disk; events wait meanwhile") == true)
    }

    @Test(
        "a batch that is written in part is taken back, and written whole when there is room", arguments: [1, 30, 62])
    func short(room: Int) throws {
        var left = Int.max
        let archive = ArchiveFile(
            ArchiveName(path: folder.file("c.ndjson"), partition: 0), options: FileOptions(path: "")
        ) { descriptor, bytes in
            guard left > 0 else {
                errno = ENOSPC
                return -1
            }
            let count = write(descriptor, bytes.baseAddress, min(left, bytes.count))
            left -= count
            return count
        }
        func batch(_ numbers: Range<Int>) throws -> [[UInt8]] { try ExecBench.events(numbers).map(\.line) }
        try archive.append(try batch(0..<3), now: 0)
        left = room
        #expect(throws: StageError.self) { try archive.append(try batch(3..<6), now: 0) }
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<3))
        left = Int.max
        try archive.append(try batch(3..<6), now: 0)
        #expect(folder.read("c.0.ndjson") == Self.lines(0..<6))
    }

    @Test("as a stage in the middle of a pipeline it hands on what it writes")
    func pipeline() throws {
        let pool = try ExecPool(partitions: 2) { stage() }
        for start in stride(from: 0, to: 400, by: 50) { try pool.push(start..<start + 50, threads: 2) }
        try pool.runner.run(within: 20) { try pool.count(thread: 0) + pool.count(thread: 1) == 400 }
        for thread in 0..<2 {
            #expect(
                try pool.published(thread: thread).compactMap { $0["n"]?.integer }
                    == Array(stride(from: thread, to: 400, by: 2)))
        }
        let lines = (folder.read("c.0.ndjson") + folder.read("c.1.ndjson")).split(separator: "\n")
        #expect(try lines.compactMap { try ParsedJSON(parsing: String($0))["n"]?.integer }.sorted() == Array(0..<400))
        try pool.expectBalance()
    }
}
