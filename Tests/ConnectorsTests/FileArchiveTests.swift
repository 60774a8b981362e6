import Testing

@testable import Connectors

@Suite("an archive's names and last lines")
struct FileArchiveTests {
    @Test(
        "a partition's number stands before the extension",
        arguments: [
            ("/var/lib/comments.ndjson", "/var/lib/comments.3.ndjson"), ("comments.ndjson", "comments.3.ndjson"),
            ("/a.b/comments", "/a.b/comments.3"), ("/a/.hidden", "/a/.hidden.3"), ("x.tar.gz", "x.tar.3.gz"),
        ])
    func current(path: String, expected: String) {
        #expect(ArchiveName(path: path, partition: 3).current == expected)
    }

    @Test("a full file is named for the time, and by number within a second")
    func rotated() {
        let name = ArchiveName(path: "/a/c.ndjson", partition: 3)
        #expect(name.rotated(at: 1_795_428_900_999, counter: 0) == "/a/c.3.20261123T101500Z.ndjson")
        #expect(name.rotated(at: 1_795_428_900_999, counter: 2) == "/a/c.3.20261123T101500Z-2.ndjson")
    }

    @Test("renamed files of this partition are found, oldest first, and nothing else is")
    func among() {
        let name = ArchiveName(path: "/a/c.ndjson", partition: 1)
        let names = [
            "c.1.ndjson", "c.1.20261123T101500Z-10.ndjson", "c.1.20261123T101500Z.ndjson",
            "c.2.20261123T101500Z.ndjson",
            "c.1.20261123T101500Z-2.ndjson", "c.1.20251123T101500Z.ndjson", "c.1.20261123T101500Z.ndjson.gz",
            "c.1.backup.ndjson", "c.1.20261123T101500Z-x.ndjson", "c.11.20261123T101500Z.ndjson", "..",
        ]
        #expect(
            name.rotated(among: names) == [
                "/a/c.1.20251123T101500Z.ndjson", "/a/c.1.20261123T101500Z.ndjson", "/a/c.1.20261123T101500Z-2.ndjson",
                "/a/c.1.20261123T101500Z-10.ndjson",
            ])
    }

    @Test(
        "a batch is found among the last lines, whole or in part, and from its middle on",
        arguments: [
            ("", "abc", 0), ("xyz", "abc", 0), ("xabc", "abc", 3), ("xab", "abc", 2), ("abc", "a", 1), ("xabc", "b", 1),
            ("abc", "abcdef", 3), ("c", "cd", 1), ("abc", "bd", 0), ("abxabc", "abc", 3), ("aab", "abc", 2),
        ])
    func match(file: String, batch: String, expected: Int) {
        var tail = ArchiveTail(lines: file.utf8.map { [$0] })
        #expect(tail.match(batch.utf8.map { [$0] }) == expected)
    }

    @Test("what a larger batch has left is found by smaller ones, one after the other")
    func oneByOne() {
        var tail = ArchiveTail(lines: "xyabcd".utf8.map { [$0] })
        var appended = ""
        for event in "abcdef" {
            let batch = String(event).utf8.map { [$0] }
            if tail.match(batch) == 0 {
                appended.append(event)
                tail.append(batch)
            }
        }
        #expect(appended == "ef")
    }
}
