import ArgumentParser
import Configuration
import Connectors
import Console
import Events
import JSON
import Pipeline
import Store

/// `tidings erase`: everything of a person, out of the pipeline or out of archives.
struct EraseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Erase a person: their comments in queues, letters, histories, records and archives.",
        discussion: """
            Examples:
              tidings erase --author 42 --dry-run
              tidings erase --author 42 --json
              tidings erase --author 42 --archive /var/archive/comments.*.ndjson

            A comment is a person's when its author's id, as text, is the --author, when it was sent with a token whose \
            `sub` is that, or when its record names that owner. Comments that stand in histories are deleted for everybody, \
            as the web app deletes them: readers are told, and what stays is a deletion without text and author. Events in \
            queues and letters are dropped, the channel user:ID goes whole. Each `file` stage writes a line into its \
            archives that says who was erased.

            Workers may go on meanwhile. Run it again as often as you like, also after it was killed. With --archive the \
            files are rewritten, and nothing else is touched.

            Not erased: where other people mention the person, the set of banned authors, keys of repeats (they end with \
            their window), and what was handed to webhooks and programs.

            Exit code: 0 done, 1 failed, 2 wrong use, 75 Redis cannot be reached, or a file is being written.
            """)

    @Option(name: .long, help: "The person's id, as in `author.id` or a token's `sub`.")
    var author: String

    @Flag(name: .long, help: "Count what would be erased, and change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Print the counts as JSON.")
    var json = false

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Rewrite these archive files of `file` stages instead: the person's lines go.")
    var archive: [String] = []

    @OptionGroup var options: GlobalFlags

    func run() throws {
        guard !author.isEmpty else { throw CommandError("--author is empty: name the person's id", exitCode: 2) }
        if archive.isEmpty { try erase() } else { try rewriteArchives() }
    }

    private func erase() throws {
        let settings = try options.configuration()
        let client = try BlockingRedis(
            address: options.redisAddress(settings), name: "tidings-erase", loadsFunctions: !dryRun)
        let started = Clock.monotonicNanoseconds()
        if dryRun { try client.compare(settings.layout) } else { try client.greet(settings.layout) }
        let search = try PersonSearch(Person(id: author), client: client, layout: settings.layout)
        defer { Terminal.clearProgress() }
        if dryRun {
            let counts = try search.count()
            Terminal.clearProgress()
            return report(counts, search, started, more: [])
        }
        var run = try ErasureRun(search)
        do {
            try run.all()
            let told = try tellArchives(settings, client, at: run.start)
            Terminal.clearProgress()
            report(
                run.counts, search, started,
                more: [("told", "archives that are told", told), ("passes", "passes", run.passes)])
        } catch {
            Terminal.clearProgress()
            guard let known = CommandError(of: error) else { throw error }
            throw known.after("stopped after \(run.counts.total) were erased, run it again")
        }
    }

    /// Has each archive of the pipeline's `file` stages say that the person was erased. Gives how many.
    private func tellArchives(_ settings: Configuration, _ client: BlockingRedis, at time: Int64) throws -> Int {
        let line = ErasedLine.bytes(author: author, time: time)
        var told = 0
        for stage in settings.stages where stage.isArchive {
            let events = Dictionary(uniqueKeysWithValues: (0..<settings.layout.partitions).map { ($0, [line]) })
            _ = try client.call(.enqueue(events, for: stage.name, of: settings.layout, limit: 0))
            told += settings.layout.partitions
        }
        return told
    }

    private func report(
        _ counts: ErasureCounts, _ search: PersonSearch, _ started: Int64, more: [(key: String, title: String, Int)]
    ) {
        let seconds = Double(Clock.monotonicNanoseconds() - started) / 1e9
        if json {
            var object = JSONObject()
            object["author"] = .string(author)
            object["dry_run"] = .bool(dryRun)
            for (key, _, count) in counts.places + more { object[key] = .int(Int64(count)) }
            object["unclear"] = .int(Int64(search.unclear))
            object["seconds"] = .double((seconds * 1000).rounded() / 1000)
            Terminal.write(object.text + "\n")
        } else {
            for (_, title, count) in counts.places {
                Terminal.write("\(Text.right(Text.grouped(count), 10)) \(title)\n")
            }
            for (_, title, count) in more { Terminal.write("\(Text.right(Text.grouped(count), 10)) \(title)\n") }
            Terminal.write(dryRun ? "nothing was changed\n" : "erased in \(Text.seconds(seconds))\n")
        }
        guard search.unclear > 0 else { return }
        Terminal.writeError(
            "\(search.unclear) letters are no JSON objects and contain '\(author)'; look at them with 'tidings dead list' "
                + "and drop what is the person's\n")
    }

    private func rewriteArchives() throws {
        var erasure = ArchiveErasure(author: author)
        defer { Terminal.clearProgress() }
        do throws(ArchiveErasure.Failure) {
            for path in archive {
                Terminal.progress(path)
                try erasure.look(at: path)
            }
            for path in archive where !dryRun {
                Terminal.progress(path)
                try erasure.rewrite(path)
            }
        } catch {
            throw CommandError(error.message, exitCode: error.isTransient ? 75 : 1)
        }
        Terminal.clearProgress()
        let lines = dryRun ? erasure.found : erasure.removed
        if json {
            var object = JSONObject()
            object["author"] = .string(author)
            object["dry_run"] = .bool(dryRun)
            object["files"] = .int(Int64(archive.count))
            object["lines"] = .int(Int64(lines))
            object["unreadable"] = .int(Int64(erasure.unreadable))
            Terminal.write(object.text + "\n")
        } else {
            Terminal.write("\(lines) lines in \(archive.count) files\(dryRun ? "; nothing was changed" : " erased")\n")
        }
        guard erasure.unreadable > 0 else { return }
        Terminal.writeError("\(erasure.unreadable) lines are no JSON objects; they were left as they are\n")
    }
}
