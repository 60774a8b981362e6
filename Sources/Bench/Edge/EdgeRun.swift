import Console
import Events
import Glibc
import JSON
import Pipeline
import Supervision

/// One server in one situation: readers in processes of their own, events published at a steady rate, and a look at what
/// became of them.
package struct EdgeRun {
    package let target: any EdgeTarget
    package let scenario: EdgeScenario
    package let folder: BenchFolder
    /// Processes of readers or visitors.
    package let generators: Int
    package let event: LoadEvent
    /// How long readers may take to get what was published, in seconds.
    package let patience: Double
    /// Channels used before on the same server: a channel's numbers begin with 1.
    package let firstChannel: Int

    package init(
        target: any EdgeTarget, scenario: EdgeScenario, folder: BenchFolder, generators: Int, event: LoadEvent,
        patience: Double, firstChannel: Int
    ) {
        self.target = target
        self.scenario = scenario
        self.folder = folder
        self.generators = generators
        self.event = event
        self.patience = patience
        self.firstChannel = firstChannel
    }

    /// Connections of visitors under way in each process.
    private static let visitorsAtOnce = 64
    /// Readers by which the memory of many is compared with that of few.
    private static let fewReaders = 1000

    /// Nil when the server has no such way of reading.
    package func run() throws -> EdgeFigure? {
        switch scenario.name {
        case .connections: return try measureConnections()
        case .memory: return try measureMemory()
        default: break
        }
        guard let style = target.style(isStream: scenario.isStream) else { return nil }
        let readers = try start(scenario.crowds, style, stays: false)
        defer { end(readers) }
        try waitUntilQuiet()
        var figure = EdgeFigure(server: target.name, scenario: scenario.name)
        let before = use()
        let start = Clock.monotonicNanoseconds()
        figure.publisherLate = try publish(from: start)
        try finish(readers, seconds: patience)
        let after = use()
        figure.tallies = try results(readers)
        let last = max(figure.whole.lastTime, start + 1)
        figure.seconds = Double(last - start) / 1e9
        figure.processor = after.server - before.server
        figure.besides = after.helpers - before.helpers
        return figure
    }

    // MARK: Readers

    private struct Generator {
        let pid: pid_t
        let files: String
    }

    private func start(_ crowds: [Crowd], _ style: ReaderProtocol, stays: Bool) throws -> [Generator] {
        let shares = crowds.map { $0.split(generators) }
        let readers = try (0..<generators).map { number in
            let files = "\(folder.path)/readers-\(firstChannel)-\(crowds.first?.readers ?? 0)-\(number)"
            for name in [".ready", ".stop", ".result"] { unlink(files + name) }
            var words = [
                Subprocess.ownPath, "bench", "readers", "--port", String(target.port), "--style", style.rawValue,
                "--event-bytes", String(event.size), "--files", files,
            ]
            for share in shares { words += ["--crowd", moved(share[number]).description] }
            if stays { words.append("--stays") }
            return Generator(pid: try BenchChild.spawn(words), files: files)
        }
        for reader in readers { _ = try BenchFiles.wait(for: reader.files + ".ready", from: reader.pid, seconds: 60) }
        return readers
    }

    private func moved(_ crowd: Crowd) -> Crowd {
        Crowd(
            readers: crowd.readers, firstChannel: crowd.firstChannel + firstChannel, channels: crowd.channels,
            events: crowd.events)
    }

    /// Waits until all readers have ended; after the deadline, tells the others to end.
    private func finish(_ readers: [Generator], seconds: Double) throws {
        let deadline = Clock.monotonicMilliseconds() + Int64(seconds * 1000)
        while readers.contains(where: { BenchFiles.read($0.files + ".result") == nil }) {
            if Clock.monotonicMilliseconds() > deadline {
                for reader in readers { try BenchFiles.write("", to: reader.files + ".stop") }
                return
            }
            _ = try target.settle()
            usleep(5000)
        }
    }

    private func results(_ readers: [Generator]) throws -> [ReaderTally] {
        var tallies = scenario.crowds.map { _ in ReaderTally() }
        let parser = JSONParser(maxBytes: 64 << 20)
        for reader in readers {
            let text = try BenchFiles.wait(for: reader.files + ".result", from: reader.pid, seconds: 60)
            for (number, json) in (try parser.parse(Array(text.utf8)).array ?? []).enumerated() {
                tallies[number].merge(ReaderTally(json))
            }
        }
        return tallies
    }

    private func end(_ readers: [Generator]) {
        for reader in readers {
            kill(reader.pid, SIGKILL)
            var status: Int32 = 0
            waitpid(reader.pid, &status, 0)
        }
    }

    // MARK: Events

    /// Publishes all events when they are due; gives how late the last one was, in milliseconds.
    private func publish(from start: Int64) throws -> Double {
        var sent = scenario.crowds.map { _ in 0 }
        var numbers: [Int: Int] = [:]
        var late: Int64 = 0
        while true {
            let now = Clock.monotonicNanoseconds()
            var isOver = true
            for (index, crowd) in scenario.crowds.enumerated() {
                let all = crowd.events * crowd.channels
                let due = min(all, Int(Double(now - start) / 1e9 * scenario.rates[index]) + 1)
                while sent[index] < due {
                    let channel = firstChannel + crowd.firstChannel + sent[index] % crowd.channels
                    let time = start + Int64(Double(sent[index]) / scenario.rates[index] * 1e9)
                    let number = (numbers[channel] ?? 0) + 1
                    numbers[channel] = number
                    try target.publish(event.bytes(number: number, time: time), to: channel)
                    sent[index] += 1
                    late = Clock.monotonicNanoseconds() - time
                }
                if sent[index] < all { isOver = false }
            }
            _ = try target.settle()
            if isOver { break }
            usleep(500)
        }
        return Double(late) / 1e6
    }

    /// Waits until the server has taken in all that the readers asked: it uses no processor for a while.
    private func waitUntilQuiet() throws {
        var quiet = 0
        var last = use().server
        for _ in 0..<600 {
            usleep(100_000)
            let now = use().server
            quiet = now - last < 0.002 ? quiet + 1 : 0
            last = now
            if quiet == 3 { return }
        }
        throw CommandError("\(target.name) did not come to rest within a minute")
    }

    private func use() -> (server: Double, helpers: Double) {
        func sum(_ pids: [pid_t]) -> Double { pids.compactMap(ProcessUse.processorSeconds(of:)).reduce(0, +) }
        return (sum(target.processes), sum(target.helpers))
    }

    // MARK: Connections

    private func measureConnections() throws -> EdgeFigure {
        try target.publish(event.bytes(number: 1, time: 0), to: firstChannel)
        while try !target.settle() { usleep(1000) }
        let milliseconds = Int64(scenario.seconds * 1000)
        let visitors = try (0..<generators).map { number in
            let files = "\(folder.path)/visitors-\(firstChannel)-\(number)"
            unlink(files + ".result")
            let words = [
                Subprocess.ownPath, "bench", "visitors", "--port", String(target.port), "--target",
                target.visitorTarget(channel: firstChannel), "--at-once", String(EdgeRun.visitorsAtOnce),
                "--milliseconds", String(milliseconds), "--files", files,
            ]
            return Generator(pid: try BenchChild.spawn(words), files: files)
        }
        defer { end(visitors) }
        var figure = EdgeFigure(server: target.name, scenario: scenario.name)
        figure.seconds = scenario.seconds
        let parser = JSONParser(maxBytes: 1024)
        for visitor in visitors {
            let text = try BenchFiles.wait(
                for: visitor.files + ".result", from: visitor.pid, seconds: scenario.seconds + 30)
            let numbers = (try parser.parse(Array(text.utf8)).array ?? []).compactMap(\.int)
            figure.connections += Double(numbers.first ?? 0) / scenario.seconds
            figure.refused += Int(numbers.last ?? 0)
        }
        return figure
    }

    // MARK: Memory

    /// Measures the memory of additional readers, each of which has had one answer and waits for the next.
    private func measureMemory() throws -> EdgeFigure? {
        guard let style = target.style(isStream: false) else { return nil }
        let all = scenario.crowds[0]
        let few = Crowd(readers: EdgeRun.fewReaders, events: 0)
        let more = Crowd(readers: max(1, all.readers - few.readers), events: 0)
        let first = try start([few], style, stays: true)
        defer { end(first) }
        try answerAll(number: 1)
        let before = memory()
        let rest = try start([more], style, stays: true)
        defer { end(rest) }
        try waitUntilQuiet()
        try answerAll(number: 2)
        let after = memory()
        var figure = EdgeFigure(server: target.name, scenario: scenario.name)
        figure.memory = (after.server - before.server) * 1024 / Double(more.readers)
        figure.kernelMemory = (after.kernel - before.kernel) * 1024 / Double(more.readers)
        return figure
    }

    private func answerAll(number: Int) throws {
        try target.publish(event.bytes(number: number, time: 0), to: firstChannel)
        while try !target.settle() { usleep(1000) }
        try waitUntilQuiet()
    }

    private func memory() -> (server: Double, kernel: Double) {
        let server = target.processes.compactMap(ProcessUse.init(of:)).reduce(0) { $0 + $1.residentKilobytes }
        let slab = (BenchFiles.read("/proc/meminfo") ?? "").split(separator: "\n").first { $0.hasPrefix("Slab:") }
        return (Double(server), slab?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0)
    }
}
