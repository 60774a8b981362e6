import ArgumentParser
import Comments
import Configuration
import Console
import Events
import JSON
import Pipeline
import Redis
import Store

/// `tidings thread`: which conversations take comments.
struct ThreadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thread",
        abstract: "Close a thread to new comments, open it again, list the closed ones.",
        discussion: """
            Examples:
              tidings thread close 42
              tidings thread open 42
              tidings thread list --json

            A closed thread takes no new comments: a post gets 409, an event that comes through Redis is dropped with the \
            reason closed. The web app and moderators may still edit and delete, and authors may delete what they wrote. \
            Readers are told by the events thread.closed and thread.opened, and stay connected.
            """,
        subcommands: [Close.self, Open.self, List.self])

    struct Close: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take no new comments in a thread.",
            discussion: """
                Examples:
                  tidings thread close 42
                  tidings thread close 42 --forum music --wait 1m

                The closing passes through the pipeline behind the comments that came before it, which are published. Exit code: 0 \
                the thread is closed, 2 wrong use, 75 Redis cannot be reached or is full, or no worker has published the \
                closing within --wait: it stays in the queue and takes effect when one does.
                """)

        @OptionGroup var change: ThreadChange

        func run() throws { try change.run(.closed) }
    }

    struct Open: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take comments in a thread again.",
            discussion: """
                Example:
                  tidings thread open 42

                Exit codes as of close.
                """)

        @OptionGroup var change: ThreadChange

        func run() throws { try change.run(.opened) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the closed threads: since when, name.",
            discussion: """
                Examples:
                  tidings thread list | sort
                  tidings thread list --json | jq 'map(.thread)'

                In no order: pipe it through sort.
                """)

        @Flag(name: .long, help: "Print a JSON array of objects: thread, and closed, the time in ms.") var json = false
        @OptionGroup var options: GlobalFlags

        func run() throws {
            let settings = try options.configuration()
            let client = try BlockingRedis(
                address: options.redisAddress(settings), name: "tidings-thread", loadsFunctions: false)
            try client.compare(settings.layout)
            var isFirst = true
            try ClosedThreads(client: client, layout: settings.layout).read { threads in
                guard !threads.isEmpty else { return }
                if json {
                    let objects = threads.map { thread in
                        JSONObject(members: [("thread", .string(thread.name)), ("closed", .int(thread.since))]).text
                    }
                    Terminal.write((isFirst ? "[" : ",") + objects.joined(separator: ","))
                } else {
                    Terminal.write(threads.map { "\(Text.time($0.since))  \($0.name)\n" }.joined())
                }
                isFirst = false
            }
            if json { Terminal.write(isFirst ? "[]\n" : "]\n") } else if isFirst { Terminal.write("none\n") }
        }
    }
}

/// What `thread close` and `thread open` take, and do.
struct ThreadChange: ParsableArguments {
    @Argument(help: "The thread, as the comments name it.")
    var thread: String

    @Option(name: .long, help: "The forum of the thread, whose readers are told as well.")
    var forum: String?

    enum Group: SettingGroup {
        static let settings = Settings.Thread.flags
    }

    @OptionGroup var flags: SettingFlags<Group>

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        for (name, what) in [(thread, "a thread"), (forum ?? "x", "a forum")] {
            if let problem = ChannelName.problem(ofPart: name) {
                throw ValidationError("the name of \(what) \(problem)")
            }
        }
    }

    /// Enqueues the event, as the web app would, and waits until it is published.
    func run(_ kind: ConversationChange.Kind) throws {
        let settings = try options.configuration()
        let layout = settings.layout
        let client = try BlockingRedis(address: options.redisAddress(settings), name: "tidings-thread")
        try client.greet(layout)
        let threads = ClosedThreads(client: client, layout: layout)
        let before = try threads.since(thread)
        guard (before != nil) != (kind == .closed) else {
            let since = before.map { " since \(Text.time($0))" } ?? ""
            return Terminal.write("thread '\(thread)' is \(kind == .closed ? "closed" : "open") already\(since)\n")
        }
        let enqueuer = Enqueuer(layout: layout, limits: settings.limits, connection: client.connection)
        try client.wait { enqueuer.enqueue([layout.partition(of: thread): [event(kind)]], completion: $0) }
        let patience = flags.flag(Settings.Thread.wait)
        let end = Clock.monotonicMilliseconds() + patience
        while (try threads.since(thread) != nil) != (kind == .closed) {
            guard Clock.monotonicMilliseconds() < end else {
                throw CommandError(
                    "thread.\(kind.rawValue) of '\(thread)' waits in the pipeline, and no worker has published it within "
                        + "\(Text.seconds(Double(patience) / 1000)): see 'tidings status'", exitCode: 75)
            }
            client.pause(milliseconds: 20)
        }
        Terminal.write("thread '\(thread)' is \(kind == .closed ? "closed" : "open")\n")
    }

    private func event(_ kind: ConversationChange.Kind) -> [UInt8] {
        var event = JSONObject(members: [("type", .string(kind.type)), ("thread", .string(thread))])
        event["forum"] = forum.map(JSON.string)
        return event.bytes
    }
}

/// The closed conversations of a pipeline, as Redis has them.
struct ClosedThreads {
    struct Entry {
        let name: String
        /// Milliseconds since 1970.
        let since: Int64
    }

    let client: BlockingRedis
    let layout: PipelineLayout

    /// When a conversation was closed, in ms; nil: it is open.
    func since(_ thread: String) throws -> Int64? {
        try client.call("HGET", layout.closed(layout.partition(of: thread)), thread).text.map { Int64($0) ?? 0 }
    }

    /// Passes on all of them in pages, in no order: there may be more than memory holds.
    func read(_ body: ([Entry]) throws -> Void) throws {
        for partition in 0..<layout.partitions {
            var cursor = "0"
            repeat {
                let page = try client.call("HSCAN", layout.closed(partition), cursor, "COUNT", "1000").array ?? []
                guard page.count == 2 else { break }
                cursor = page[0].text ?? "0"
                let words = (page[1].array ?? []).map { $0.text ?? "" }
                try body(
                    stride(from: 0, to: words.count - 1, by: 2).map {
                        Entry(name: words[$0], since: Int64(words[$0 + 1]) ?? 0)
                    })
            } while cursor != "0"
        }
    }
}
