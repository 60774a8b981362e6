import ArgumentParser
import JSON
import Pipeline
import Redis

/// Which letters a command of `dead` or `held` means.
struct LetterOptions: ParsableArguments {
    @OptionGroup var options: GlobalOptions

    @Argument(help: "Ids of letters, as `list` shows them.")
    var ids: [String] = []

    @Option(name: .long, help: "Only those of this stage.")
    var stage: String?

    @Flag(name: .long, help: "All of them (of the stage, where one is named).")
    var all = false

    func box(_ kind: LetterBox.Kind) throws -> LetterBox {
        let settings = try options.configuration()
        if let stage, stage != LaneID.door, !settings.layout.stages.contains(stage) {
            throw CommandError(
                "no stage '\(stage)'; this pipeline has \(settings.layout.stages.joined(separator: ", "))", exitCode: 2)
        }
        let client = try RedisClient(address: options.redisAddress(settings), name: "tidings-letters")
        try client.greet(settings.layout)
        return LetterBox(kind: kind, client: client, layout: settings.layout)
    }

    /// The letters that are meant; an id that is not there is an error that names it.
    func chosen(from box: LetterBox) throws -> [LetterBox.Letter] {
        guard all || !ids.isEmpty else { throw CommandError("name ids of letters, or --all", exitCode: 2) }
        let letters = try box.letters(stage: stage)
        if all { return letters }
        let known = Set(letters.map(\.id))
        if let missing = ids.first(where: { !known.contains($0) }) {
            throw CommandError("there is no letter '\(missing)'; see 'tidings \(box.kind.rawValue) list'")
        }
        return letters.filter { ids.contains($0.id) }
    }
}

/// Prints letters, for people or as JSON.
enum LetterTable {
    static func text(_ letters: [LetterBox.Letter]) -> String {
        if letters.isEmpty { return "none\n" }
        return letters.map { letter in
            Text.left(letter.id, 36) + " \(letter.error)\n"
        }.joined()
    }

    static func json(_ letters: [LetterBox.Letter]) -> String {
        JSON.array(letters.map { .object($0.fields) }).text + "\n"
    }
}
