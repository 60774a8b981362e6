import ArgumentParser
import Configuration
import Console
import Glibc
import JSON
import Pipeline
import Store

/// `tidings export`: a person's comments as lines of JSON.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print a person's comments, one JSON object a line.",
        discussion: """
            Examples:
              tidings export --author 42 > 42.ndjson
              tidings export --author 42 --output 42.ndjson

            Whose a comment is: see 'tidings erase --help'. Each comment is printed once, in its newest version, with the \
            places where it stands: channels with the numbers of its items, queues, held events, dead letters. Nothing is \
            changed. A line looks like this:

              {"thread":"42","id":"c-7","state":"published","places":[{"channel":"thread:42","number":12}],"event":{…}}

            `state` is that of the newest version: published, queued, held or dead. Comments on their way while the export \
            runs may be missing or stand where they were.

            Exit code: 0 done, 1 failed, 2 wrong use, 75 Redis cannot be reached.
            """)

    @Option(name: .long, help: "The person's id, as in `author.id` or a token's `sub`.")
    var author: String

    @Option(name: .long, help: "Write into this file, readable by its owner only, in place of standard output.")
    var output: String?

    @OptionGroup var options: GlobalFlags

    func run() throws {
        guard !author.isEmpty else { throw CommandError("--author is empty: name the person's id", exitCode: 2) }
        let settings = try options.configuration()
        let client = try BlockingRedis(
            address: options.redisAddress(settings), name: "tidings-export", loadsFunctions: false)
        try client.compare(settings.layout)
        defer { Terminal.clearProgress() }
        let search = try PersonSearch(Person(id: author), client: client, layout: settings.layout)
        var export = PersonExport()
        try export.collect(search)
        let lines = try export.lines(search)
        Terminal.clearProgress()
        guard let output else {
            for line in lines { Terminal.write(line + "\n") }
            return
        }
        try write(lines, to: output)
        Terminal.writeError("\(Text.grouped(lines.count)) comments written to \(output)\n")
    }

    private func write(_ lines: [String], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw CommandError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        for line in lines { Terminal.write(line + "\n", to: file) }
        guard fsync(file) == 0 || errno == EINVAL else {
            throw CommandError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
