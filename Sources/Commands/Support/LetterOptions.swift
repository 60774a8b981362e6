import ArgumentParser
import Configuration
import Console
import JSON
import Pipeline
import Redis
import Store

/// Which letters a command of `dead` or `held` means.
struct LetterOptions: ParsableArguments {
    @OptionGroup var options: GlobalFlags

    @Argument(help: "Ids of letters, as `list` shows them.")
    var ids: [String] = []

    @Option(name: .long, help: "Only those of this stage.")
    var stage: String?

    @Flag(name: .long, help: "All of them. (of the stage, where one is named; a stage alone means the same)")
    var all = false

    /// Where they are. What stands in Redis is compared with the configuration, and not changed.
    func box(_ kind: SetAsideEvent.Kind) throws -> LetterBox {
        try LetterBox.open(kind, options: options, stage: stage, isForReading: false)
    }

    /// Takes those that are meant out of the box, and does with their events what was decided.
    ///
    /// - Returns: how many.
    func move(in box: LetterBox, _ decision: SetAsideDecision) throws -> Int {
        guard ids.isEmpty || all else { return try box.move(named(in: box), decision) }
        try requireChoice()
        return try box.moveAll(stage: stage, decision)
    }

    /// Prints those that are meant, whole.
    func show(_ kind: SetAsideEvent.Kind) throws {
        let box = try LetterBox.open(kind, options: options, stage: stage, isForReading: true)
        guard ids.isEmpty || all else { return Terminal.write(LetterTable.json(try named(in: box))) }
        try requireChoice()
        try LetterTable.print(box, stage: stage, json: true)
    }

    private func requireChoice() throws {
        guard all || stage != nil else {
            throw CommandError("name ids of letters, or a --stage, or --all", exitCode: 2)
        }
    }

    /// The letters with the ids that were given; one that is not there is an error that names it.
    private func named(in box: LetterBox) throws -> [LetterBox.Letter] {
        let letters = try box.letters(Set(ids), stage: stage)
        let known = Set(letters.map(\.id))
        if let missing = ids.first(where: { !known.contains($0) }) {
            throw CommandError("there is no letter '\(missing)'; see 'tidings \(box.kind.rawValue) list'")
        }
        return letters
    }
}

extension LetterBox {
    /// Connects to the box that the configuration means.
    ///
    /// - Parameter isForReading: nothing is written then, no functions either.
    static func open(_ kind: SetAsideEvent.Kind, options: GlobalFlags, stage: String?, isForReading: Bool) throws
        -> LetterBox
    {
        let settings = try options.configuration()
        if let stage, stage != LaneID.incoming, !settings.layout.stages.contains(stage) {
            throw CommandError(
                "no stage '\(stage)'; this pipeline has \(settings.layout.stages.joined(separator: ", "))", exitCode: 2)
        }
        let client = try BlockingRedis(
            address: options.redisAddress(settings), name: "tidings-letters", loadsFunctions: !isForReading)
        try client.compare(settings.layout)
        return LetterBox(kind: kind, client: client, layout: settings.layout)
    }
}

/// Prints letters, for people or as JSON.
enum LetterTable {
    /// Prints a whole box, as it is read.
    static func print(_ box: LetterBox, stage: String?, json: Bool) throws {
        var isEmpty = true
        try box.read(stage: stage) { letters in
            if letters.isEmpty { return }
            if json { Terminal.write((isEmpty ? "[" : ",") + letters.map { $0.fields.text }.joined(separator: ",")) }
            if !json { Terminal.write(text(letters)) }
            isEmpty = false
        }
        if json { Terminal.write(isEmpty ? "[]\n" : "]\n") } else if isEmpty { Terminal.write("none\n") }
    }

    static func text(_ letters: [LetterBox.Letter]) -> String {
        letters.map { letter in
            Text.left(letter.id, 36) + " \(letter.error)\n"
        }.joined()
    }

    static func json(_ letters: [LetterBox.Letter]) -> String {
        JSON.array(letters.map { .object($0.fields) }).text + "\n"
    }
}
