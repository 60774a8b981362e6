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
            `in` counts arrivals, so in = out + dropped + held + dead + waiting for every stage. `oldest` is the age of \
            the event at a queue's head. An edge shows the same at /dashboard (see 'tidings edge --help').

            Examples:
              tidings status
              tidings status --watch
              tidings status --json | jq .advice
            """)

    @OptionGroup var options: GlobalFlags

    @Flag(name: .long, help: "Print everything as one JSON object.")
    var json = false

    @Flag(name: .long, help: "Refresh every second, with rates, until Ctrl-C.")
    var watch = false

    func run() throws {
        let settings = try options.configuration()
        let address = try options.redisAddress(settings)
        let client = try BlockingRedis(address: address, name: "tidings-status")
        let survey = StatusSurvey(connection: client.connection, pipeline: settings.pipeline)
        let table = StatusTable(coloured: Terminal.isColoured(STDOUT_FILENO))
        var before: StatusReport?
        repeat {
            let report = try ask(survey, client)
            let advice = StatusAdvisor.advise(
                StatusSituation(
                    report: report, earlier: before, queueLimit: settings.limits.queueEvents,
                    client: ShellQuote.redisCLI(address)))
            if json {
                Terminal.write(report.document(advice).text + "\n")
            } else {
                let clear = watch && isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : ""
                Terminal.write(clear + table.text(report, since: before, advice: advice))
            }
            before = report
            if watch { client.pause(milliseconds: 1000) }
        } while watch
    }

    private func ask(_ survey: StatusSurvey, _ client: BlockingRedis) throws -> StatusReport {
        do {
            return try client.wait { survey.ask(completion: $0) }
        } catch let error as RedisError where error.code == .reply {
            throw CommandError(String(error.message.drop { $0 != " " }.dropFirst()))
        }
    }
}
