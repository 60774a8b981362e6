import ArgumentParser
import Console
import Pipeline
import Store

/// `tidings dead`: events that no attempt could bring through.
struct Dead: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Dead letters: list, show, retry, drop.",
        discussion: """
            A dead letter holds the event, the error, the stage, the attempts and the time. `retry` puts the event back \
            into the queue of the stage that it failed in.

            Examples:
              tidings dead list --stage validate
              tidings dead show validate.3-1795471274686744-1-1
              tidings dead retry --stage validate
            """,
        subcommands: [List.self, Show.self, Retry.self, Drop.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List them: id, error.")
        @OptionGroup var options: GlobalFlags
        @Option(name: .long, help: "Only those of this stage.") var stage: String?
        @Flag(name: .long, help: "Print them whole, as a JSON array.") var json = false

        func run() throws {
            try LetterListing(kind: .dead, options: options, stage: stage, json: json).run()
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print letters whole, as JSON.")
        @OptionGroup var selection: LetterOptions

        func run() throws {
            try selection.show(.dead)
        }
    }

    struct Retry: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put their events back into the stage's queue.")
        @OptionGroup var selection: LetterOptions

        func run() throws {
            let box = try selection.box(.dead)
            Terminal.write("\(try selection.move(in: box, .retry)) put back\n")
        }
    }

    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete them for good.")
        @OptionGroup var selection: LetterOptions

        func run() throws {
            let box = try selection.box(.dead)
            Terminal.write("\(try selection.move(in: box, .drop)) deleted\n")
        }
    }
}

/// What `dead list` and `held list` do.
struct LetterListing {
    let kind: SetAsideEvent.Kind
    let options: GlobalFlags
    let stage: String?
    let json: Bool

    func run() throws {
        try LetterTable.print(
            LetterBox.open(kind, options: options, stage: stage, isForReading: true), stage: stage, json: json)
    }
}
