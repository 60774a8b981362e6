import ArgumentParser
import Console
import Pipeline
import Store

/// `tidings held`: events that wait for a person's decision.
struct Held: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Held events: list, approve, reject.",
        discussion: """
            What moderation finds suspicious is held. `approve` sends it on to the next stage, `reject` deletes it.

            Examples:
              tidings held list
              tidings held approve moderate.3-1795471274686744-1-1
              tidings held reject --all
            """,
        subcommands: [List.self, Approve.self, Reject.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List them: id, reason.")
        @OptionGroup var options: GlobalFlags
        @Option(name: .long, help: "Only those of this stage.") var stage: String?
        @Flag(name: .long, help: "Print them whole, as a JSON array.") var json = false

        func run() throws {
            try LetterListing(kind: .held, options: options, stage: stage, json: json).run()
        }
    }

    struct Approve: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send them on to the next stage.")
        @OptionGroup var selection: LetterOptions

        func run() throws {
            let box = try selection.box(.held)
            Terminal.write("\(try selection.move(in: box, .approve)) sent on\n")
        }
    }

    struct Reject: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete them for good.")
        @OptionGroup var selection: LetterOptions

        func run() throws {
            let box = try selection.box(.held)
            Terminal.write("\(try selection.move(in: box, .drop)) deleted\n")
        }
    }
}
