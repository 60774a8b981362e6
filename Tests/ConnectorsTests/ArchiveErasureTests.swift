import Glibc
import JSON
import TestSupport
import Testing

@testable import Connectors

/// A person's lines leave archive files, whole or not at all.
@Suite("erasure from archives")
struct ArchiveErasureTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func line(_ id: String, by author: String, _ kind: String = "created", thread: String = "1") -> String {
        #"{"id":"\#(id)","type":"comment.\#(kind)","thread":"\#(thread)","author":{"id":\#(author)},"text":"\#(id)"}"#
    }

    private func erase(_ author: String = "42", _ names: String...) throws -> ArchiveErasure {
        var erasure = ArchiveErasure(author: author)
        for name in names { try erasure.look(at: folder.file(name)) }
        for name in names { try erasure.rewrite(folder.file(name)) }
        return erasure
    }

    @Test("the lines of the person go, an edit that names nobody too; all others stay byte for byte")
    func lines() throws {
        let edit = #"{"id":"b","type":"comment.edited","thread":"1","text":"no author"}"#
        let kept = [
            line("c", by: #""7""#), #"{"id":"b","type":"comment.deleted","thread":"1"}"#,
            #"{"id":"b","type":"comment.edited","thread":"2"}"#, line("d", by: #""421""#), "no JSON 42", "",
            #"{"type":"author.erased","author":"42","time":1}"#, #"{ "author" : "42" , "x":1.0 }"#,
        ]
        try folder.write(([edit, line("a", by: "42")] + kept).map { $0 + "\n" }.joined(), to: "1")
        try folder.write(line("b", by: #""42""#) + "\n" + kept[0] + "\n", to: "2")
        chmod(folder.file("1"), 0o640)
        let erasure = try erase("42", "1", "2")
        #expect(erasure.found == 2 && erasure.removed == 3 && erasure.unreadable == 2)
        #expect(folder.read("1") == kept.map { $0 + "\n" }.joined())
        #expect(folder.read("2") == kept[0] + "\n")
        var status = stat()
        #expect(stat(folder.file("1"), &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(access(folder.file("1.erasing"), F_OK) != 0)
    }

    @Test("a file without the person's lines is not written, and a last line that was written in part goes")
    func untouched() throws {
        let text = line("c", by: "7") + "\n"
        try folder.write(text, to: "1")
        var before = stat()
        var after = stat()
        stat(folder.file("1"), &before)
        #expect(try erase("42", "1").removed == 0)
        stat(folder.file("1"), &after)
        #expect(before.st_ino == after.st_ino)
        try folder.write(text + line("a", by: "42").dropLast(3), to: "2")
        #expect(try erase("42", "2").removed == 0)
        #expect(folder.read("2") == text)
        // Whole, but for its end.
        try folder.write(text + line("a", by: "42"), to: "3")
        #expect(try erase("42", "3").removed == 1)
        #expect(folder.read("3") == text)
    }

    @Test("a file that a worker appends to is refused, and the worker finds the new one afterwards")
    func locked() throws {
        let path = folder.file("comments.ndjson")
        let name = ArchiveName(path: path, partition: 0)
        var archive: ArchiveFile? = ArchiveFile(name, options: FileOptions(path: path))
        try archive?.append([Array(line("a", by: "42").utf8)], now: 0)
        let failure = #expect(throws: ArchiveErasure.Failure.self) { try erase("42", "comments.0.ndjson") }
        #expect(failure?.isTransient == true && failure?.message.contains("being written by a worker") == true)
        #expect(folder.read("comments.0.ndjson") == line("a", by: "42") + "\n")
        archive = nil
        #expect(try erase("42", "comments.0.ndjson").removed == 1)
        let next = ArchiveFile(name, options: FileOptions(path: path))
        try next.append([Array("{}".utf8)], now: 0)
        #expect(folder.read("comments.0.ndjson") == "{}\n")
    }

    @Test("what is no archive is refused and left as it is", arguments: ["\u{1F}\u{8B}zipped\n", "text\n", "[1]\n"])
    func foreign(text: String) throws {
        try folder.write(text, to: "1")
        #expect(throws: ArchiveErasure.Failure.self) { try erase("42", "1") }
        #expect(throws: ArchiveErasure.Failure.self) { try erase("42", "missing") }
        var erasure = ArchiveErasure(author: "42")
        #expect(throws: ArchiveErasure.Failure.self) { try erasure.look(at: folder.path) }
        #expect(folder.read("1") == text)
    }

    @Test("long files are read and written in pieces")
    func long() throws {
        let pad = String(repeating: "x", count: 5000)
        let lines = (0..<1000).map { line("\($0)\(pad)", by: $0 % 7 == 0 ? "42" : "7") }
        try folder.write(lines.map { $0 + "\n" }.joined(), to: "1")
        #expect(try erase("42", "1").removed == 143)
        let kept = lines.indices.filter { $0 % 7 != 0 }.map { lines[$0] + "\n" }.joined()
        #expect(folder.read("1") == kept)
    }

    @Test("the line that says who was erased has three members, and needs no thread")
    func erasedLine() throws {
        let bytes = ErasedLine.bytes(author: "4\"2", time: 5)
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"type":"author.erased","author":"4\"2","time":5}"#)
        let parser = JSONParser(maxBytes: 1000)
        #expect(try ErasedLine.matches(parser.parseObject(bytes)))
        // What a client sends over HTTP has a thread.
        #expect(try !ErasedLine.matches(parser.parseObject(Array(#"{"type":"author.erased","thread":"1"}"#.utf8))))
    }
}
