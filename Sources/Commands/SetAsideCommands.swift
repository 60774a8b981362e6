import ArgumentParser
import Configuration
import Console
import JSON
import Pipeline
import Redis
import Store

/// `tidings dead`: events that failed too often.
struct Dead: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Dead letters: list, show, retry, drop.",
        discussion: """
            Examples:
              tidings dead list --stage validate
              tidings dead show validate.3-1795471274686744-1-1
              tidings dead retry --stage validate

            A dead letter holds the event, the error, the stage, the attempts and the time. `retry` puts the event back \
            into the queue of the stage that it failed in.
            """,
        subcommands: [List.self, Show.self, Retry.self, Drop.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List dead letters: id, error.")
        @OptionGroup var listing: SetAsideListing

        func run() throws { try listing.run(.dead) }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print whole dead letters as JSON.")
        @OptionGroup var selection: SetAsideFlags

        func run() throws { try selection.show(.dead) }
    }

    struct Retry: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put the events back into their stage's queue.")
        @OptionGroup var selection: SetAsideFlags
        @OptionGroup var target: SetAsideTarget

        func run() throws {
            let list = try selection.open(.dead)
            Terminal.write("\(try selection.move(in: list, .retry, to: target.stage(in: list))) put back\n")
        }
    }

    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete dead letters for good.")
        @OptionGroup var selection: SetAsideFlags

        func run() throws {
            let list = try selection.open(.dead)
            Terminal.write("\(try selection.move(in: list, .drop)) deleted\n")
        }
    }
}

/// `tidings held`: events that wait for a person's decision.
struct Held: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Held events: list, approve, reject.",
        discussion: """
            Examples:
              tidings held list
              tidings held approve moderate.3-1795471274686744-1-1
              tidings held reject --all

            Moderation holds suspicious events. `approve` sends an event on to the next stage, `reject` deletes it.
            """,
        subcommands: [List.self, Approve.self, Reject.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List held events: id, reason.")
        @OptionGroup var listing: SetAsideListing

        func run() throws { try listing.run(.held) }
    }

    struct Approve: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send held events on to the next stage.")
        @OptionGroup var selection: SetAsideFlags
        @OptionGroup var target: SetAsideTarget

        func run() throws {
            let list = try selection.open(.held)
            Terminal.write("\(try selection.move(in: list, .approve, to: target.stage(in: list))) sent on\n")
        }
    }

    struct Reject: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete held events for good.")
        @OptionGroup var selection: SetAsideFlags

        func run() throws {
            let list = try selection.open(.held)
            Terminal.write("\(try selection.move(in: list, .drop)) deleted\n")
        }
    }
}

/// What `dead list` and `held list` take, and do.
struct SetAsideListing: ParsableArguments {
    @Option(name: .long, help: "Only events of this stage.") var stage: String?
    @Flag(name: .long, help: "Print whole events, as a JSON array.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ kind: SetAsideEvent.Kind) throws {
        try SetAsideList.open(kind, options: options, stage: stage, isForReading: true).print(stage: stage, json: json)
    }
}

/// Which events a command of `dead` or `held` means.
struct SetAsideFlags: ParsableArguments {
    @Argument(help: "Ids of events, as `list` shows them.")
    var ids: [String] = []

    @Option(name: .long, help: "Only events of this stage; without ids: all of them.")
    var stage: String?

    @Flag(name: .long, help: "All events; with --stage: all of that stage.")
    var all = false

    @OptionGroup var options: GlobalFlags

    /// The list, for a command that changes it. The pipeline's shape in Redis is compared with the configuration, and not
    /// changed.
    func open(_ kind: SetAsideEvent.Kind) throws -> SetAsideList {
        try SetAsideList.open(kind, options: options, stage: stage, isForReading: false)
    }

    /// Takes the selected events out of the list and does with them what was decided.
    ///
    /// - Returns: how many.
    func move(in list: SetAsideList, _ decision: SetAsideDecision, to target: String? = nil) throws -> Int {
        guard ids.isEmpty || all else { return try list.move(named(in: list), decision, to: target) }
        try requireChoice()
        return try list.moveAll(stage: stage, decision, to: target)
    }

    /// Prints the selected events, whole.
    func show(_ kind: SetAsideEvent.Kind) throws {
        let list = try SetAsideList.open(kind, options: options, stage: stage, isForReading: true)
        guard ids.isEmpty || all else {
            return Terminal.write(JSON.array(try named(in: list).map { .object($0.fields) }).text + "\n")
        }
        try requireChoice()
        try list.print(stage: stage, json: true)
    }

    private func requireChoice() throws {
        guard all || stage != nil else {
            throw CommandError("name ids of events, or a --stage, or --all", exitCode: 2)
        }
    }

    /// The events with the given ids; an id that is not there is an error that names it.
    private func named(in list: SetAsideList) throws -> [SetAsideList.Entry] {
        let entries = try list.entries(Set(ids), stage: stage)
        let known = Set(entries.map(\.id))
        if let missing = ids.first(where: { !known.contains($0) }) {
            throw CommandError(
                "there is no \(list.kind == .dead ? "dead letter" : "held event") '\(missing)'; see 'tidings \(list.kind.rawValue) list'"
            )
        }
        return entries
    }
}

/// Where `dead retry` and `held approve` put the events.
struct SetAsideTarget: ParsableArguments {
    @Option(name: .long, help: "Put the events into this stage's queue, as when their own stage is gone.")
    var to: String?

    /// - Throws: when the pipeline has no such stage.
    func stage(in list: SetAsideList) throws -> String? {
        guard let to, to != LaneID.incoming, !list.layout.stages.contains(to) else { return to }
        throw CommandError(
            "no stage '\(to)'; this pipeline has \(list.layout.stages.joined(separator: ", "))", exitCode: 2)
    }
}

extension SetAsideList {
    /// Connects to the list that the configuration means.
    ///
    /// - Parameter isForReading: nothing is written to Redis, not even functions.
    fileprivate static func open(
        _ kind: SetAsideEvent.Kind, options: GlobalFlags, stage: String?, isForReading: Bool
    ) throws -> SetAsideList {
        let settings = try options.configuration()
        let client = try BlockingRedis(
            address: options.redisAddress(settings), name: "tidings-letters", loadsFunctions: !isForReading)
        try client.compare(settings.layout)
        let list = try SetAsideList(kind: kind, client: client, layout: settings.layout)
        if let stage, !list.knows(stage: stage) {
            throw CommandError(
                "no stage '\(stage)'; this pipeline has \(settings.layout.stages.joined(separator: ", "))", exitCode: 2)
        }
        return list
    }

    /// Prints the whole list page by page, for people or as JSON.
    fileprivate func print(stage: String?, json: Bool) throws {
        var isEmpty = true
        try read(stage: stage) { entries in
            if entries.isEmpty { return }
            if json {
                Terminal.write((isEmpty ? "[" : ",") + entries.map { $0.fields.text }.joined(separator: ","))
            } else {
                Terminal.write(entries.map { Text.left($0.id, 36) + " \($0.error)\n" }.joined())
            }
            isEmpty = false
        }
        if json { Terminal.write(isEmpty ? "[]\n" : "]\n") } else if isEmpty { Terminal.write("none\n") }
    }
}
