import ArgumentParser
import Configuration
import Console
import Diagnostics
import Events
import Glibc
import JSON
import Pipeline
import Redis

/// `tidings status`: queues, lanes, processes, rates, the oldest wait, and what to do about what is wrong.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show queues, lanes, processes, rates and the oldest wait; what is wrong, and what to type.",
        discussion: """
            Examples:
              tidings status
              tidings status --watch
              tidings status --json | jq .advice

            `in` counts arrivals, so in = out + dropped + held + dead + waiting for every stage. `oldest` is the age of \
            the event at a queue's head. An edge shows the same at /dashboard (see 'tidings edge --help').
            """)

    @Flag(name: .long, help: "Print everything as one JSON object.")
    var json = false

    @Flag(name: .long, help: "Show it again every second, with rates, until Ctrl-C.")
    var watch = false

    @OptionGroup var options: GlobalFlags

    func run() throws {
        let settings = try options.configuration()
        let address = try options.redisAddress(settings)
        let client = try BlockingRedis(address: address, name: "tidings-status")
        let survey = StatusSurvey(
            connection: client.connection, pipeline: settings.pipeline, limits: settings.limits)
        let table = StatusTable(coloured: Terminal.isColoured(STDOUT_FILENO))
        repeat {
            let report = try ask(survey, client)
            if json {
                Terminal.write(report.document.text + "\n")
            } else {
                let clear = watch && isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : ""
                Terminal.write(clear + table.text(report))
            }
            if watch { client.pause(milliseconds: 1000) }
        } while watch
    }

    private func ask(_ survey: StatusSurvey, _ client: BlockingRedis) throws -> StatusReport {
        do {
            return try client.wait { survey.ask(completion: $0) }
        } catch let error as RedisError where error.code == .reply {
            // Without the code in front: ERR no pipeline is called …
            // Redis puts the code of an error before its text.
            throw CommandError(error.message.hasPrefix("ERR ") ? String(error.message.dropFirst(4)) : error.message)
        }
    }
}
