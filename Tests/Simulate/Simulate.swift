import ArgumentParser
import Glibc
import Simulation

/// `make simulate`: looks for schedules that break the promise, see docs/simulation.md.
@main struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs the machines of Tidings on virtual time, under faults that a seed decides, and judges them.")

    @Option(help: "The seed of the first schedule; each further one has the next. None: a new one.")
    var seed: UInt64?
    @Option(help: "How long to look, in seconds.")
    var seconds: Int?
    @Option(help: "How many schedules to run.")
    var schedules: Int?
    @Option(help: "Run this scenario instead of drawn schedules.")
    var scenario: String?
    @Option(help: "Run the schedule in this file.")
    var replay: String?
    @Flag(help: "List the scenarios.")
    var list = false
    @Flag(help: "Print each step and what was observed.")
    var trace = false
    @Flag(help: "Look for further findings after the first, and count them.")
    var continued = false
    @Option(help: "Faults and behaviours that drawn schedules must not contain, separated by commas.")
    var without: String?
    @Flag(help: "Print findings as they are, without shrinking.")
    var long = false

    mutating func run() throws {
        if list {
            for scenario in Scenario.all { Output.say("\(scenario.name): \(scenario.summary)") }
            return
        }
        let search = try Search(isTracing: trace, isShrinking: !long, report: Output.say)
        let excluded = (without ?? "").split(separator: ",").map(String.init)
        for name in excluded where !Generator.Profile.names.contains(name) {
            throw ValidationError("there is no \(name); names: \(Generator.Profile.names.joined(separator: ", "))")
        }
        search.profile.without = Set(excluded)
        if let replay {
            guard let text = FileText.read(replay) else { throw ValidationError("\(replay) cannot be read") }
            try search.replay(try Schedule(text))
        } else if let scenario {
            let chosen = scenario == "all" ? Scenario.all : Scenario.all.filter { $0.name == scenario }
            guard !chosen.isEmpty else { throw ValidationError("there is no scenario \(scenario), see --list") }
            for scenario in chosen { try search.run(scenario) }
        } else {
            let first = seed ?? UInt64.random(in: 1...1_000_000_000)
            try search.run(from: first, schedules: schedules, seconds: seconds, isContinued: continued)
        }
        if search.findings > 0 { throw ExitCode(1) }
    }

    static func main() {
        Determinism.ensure()
        var command = parseOrExit()
        do {
            try command.run()
        } catch {
            exit(withError: error)
        }
    }
}

/// A whole file as text.
private enum FileText {
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Standard output, a line at a time, also into a pipe.
private enum Output {
    static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        var start = 0
        while start < line.count {
            let count = line[start...].withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            start += count
        }
    }
}
