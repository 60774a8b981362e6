import ArgumentParser
import Events
import Glibc
import JSON
import Redis

/// `tidings status`: queues, lanes, processes, rates, the oldest wait.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show queues, lanes, processes, rates and the oldest wait.",
        discussion: """
            `in` counts arrivals, so in = out + dropped + held + dead + waiting for every stage. `oldest` is how long the \
            event at a queue's head has been on its way.

            Examples:
              tidings status
              tidings status --watch
              tidings status --json | python3 -m json.tool
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(name: .long, help: "Print everything as one JSON object.")
    var json = false

    @Flag(name: .long, help: "Show it anew every second, with rates, until Ctrl-C.")
    var watch = false

    func run() throws {
        let settings = try options.configuration()
        let client = try RedisClient(address: options.redisAddress(settings), name: "tidings-status")
        if json {
            repeat {
                Terminal.write(try fetch(client, settings.pipeline) + "\n")
                if watch { client.pause(milliseconds: 1000) }
            } while watch
            return
        }
        let parser = JSONParser(maxBytes: 64 << 20)
        var before: StatusReport?
        repeat {
            let report = StatusReport(try parser.parseObject(Array(try fetch(client, settings.pipeline).utf8)))
            let clear = watch && isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : ""
            Terminal.write(clear + report.text(since: before, coloured: Terminal.isColoured(STDOUT_FILENO)))
            before = report
            if watch { client.pause(milliseconds: 1000) }
        } while watch
    }

    private func fetch(_ client: RedisClient, _ pipeline: String) throws -> String {
        do {
            return try client.call("FCALL_RO", "tidings_stats", "0", pipeline).text ?? "{}"
        } catch let error as RedisError where error.code == .reply {
            throw CommandError(String(error.message.drop { $0 != " " }.dropFirst()))
        }
    }
}
