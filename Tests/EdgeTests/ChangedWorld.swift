import Store
import TestSupport

@testable import Edge

/// A random simulation of a channel in which comments are changed, its connections and its readers: a ring never holds
/// a text that was replaced or deleted by an event that the ring has seen, and readers end with what the feed says.
struct ChangedWorld {
    private struct Reader {
        var offset = Offset.beginning
        /// The version of each comment that it shows.
        var shown: [Int: Int] = [:]
    }

    private enum Message {
        case confirmed
        case announced(Int64, [UInt8])
    }

    var random: SplitMix64
    /// The violations found.
    private(set) var faults: [String] = []
    /// How often a ring gave up what it held, although nothing was lost.
    private(set) var resets = 0

    private var feed = ChangedFeed()
    private var machine: ChannelMachine
    private let limits: EdgeLimits
    private let budget = RingBudget()
    private var history: Int64 = 40
    private var isLinked = false
    private var wire: [Message] = []
    private var asked: [ChannelMachine.Actions.Load] = []
    private var answers: [(generation: Int, history: ChannelHistory)] = []
    private var readers = Array(repeating: Reader(), count: 3)

    init(random: SplitMix64) {
        self.random = random
        var limits = EdgeLimits()
        limits.ringEvents = [6, 20, 60][Int(random.seed % 3)]
        self.limits = limits
        machine = ChannelMachine(limits: limits, budget: budget)
        _ = feed.publish("created", 0)
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps {
            step()
            check()
        }
        settle()
    }

    private mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: publish()
        case 35..<60: deliver()
        case 60..<70: execute()
        case 70..<80: answer()
        case 80..<92: read(Int.random(in: 0..<readers.count, using: &random))
        case 92..<95: link()
        case 95: unlink()
        case 96: perform(machine.handle(.renewed))
        case 97: _ = machine.ring.shorten(to: machine.ring.charged / 2)
        case 98: history = [3, 10, 40].randomElement(using: &random) ?? 40
        default: readers[Int.random(in: 0..<readers.count, using: &random)] = Reader()
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    // MARK: The server and the links

    private mutating func publish() {
        let kind = ["edited", "edited", "deleted", "created"].randomElement(using: &random) ?? "edited"
        // Many comments are changed, some are new.
        let comment = Int.random(in: 0..<(chance(80) ? 8 : 1000), using: &random)
        let (number, event) = feed.publish(kind, comment, history: history)
        guard isLinked else { return }
        wire.append(.announced(number, event))
        if chance(5) { wire.append(.announced(number, event)) }
        if chance(5), case .announced? = wire.first { wire.append(wire[0]) }
    }

    private mutating func link() {
        guard !isLinked else { return }
        isLinked = true
        wire = [.confirmed]
    }

    private mutating func unlink() {
        guard isLinked else { return }
        isLinked = false
        wire = []
        perform(machine.handle(.lost))
    }

    private mutating func deliver() {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !wire.isEmpty {
            switch wire.removeFirst() {
            case .confirmed: perform(machine.handle(.confirmed))
            case .announced(let sequence, let event):
                if chance(2) && !wire.isEmpty { continue }
                perform(machine.handle(.announced(sequence: sequence, event: event)))
            }
        }
    }

    private mutating func execute() {
        guard !asked.isEmpty else { return }
        let load = asked.removeFirst()
        answers.append((load.generation, feed.history(after: load.after, limit: Int64(limits.ringEvents))))
    }

    private mutating func answer() {
        guard !answers.isEmpty else { return }
        let (generation, history) = answers.removeFirst()
        perform(machine.handle(.loaded(generation: generation, history)))
    }

    private mutating func perform(_ actions: ChannelMachine.Actions) {
        if let load = actions.load { asked.append(load) }
        if actions.reset { resets += 1 }
        if actions.resubscribe, isLinked { wire.append(.confirmed) }
    }

    // MARK: What is checked

    private static func changes(_ batch: EncodedBatch) -> [(comment: Int, version: Int)] {
        let text = String(decoding: batch.body, as: UTF8.self)
        return (try? ParsedJSON(parsing: text).array)?.compactMap { event in
            guard let id = event["id"]?.string, let comment = Int(id.dropFirst()), let version = event["v"]?.integer
            else { return nil }
            return (comment, version)
        } ?? []
    }

    private mutating func check() {
        let ring = machine.ring
        guard ring.identity != nil else { return }
        for (comment, version) in Self.changes(ring.batch(after: ring.floor)) {
            let newest = feed.version(of: comment, upTo: ring.last)
            if version != newest { faults.append("at \(ring.last): comment \(comment) as \(version), not \(newest)") }
        }
        let text = ring.batch(after: ring.floor).body.count - 2 - max(0, ring.count - 1)
        if ring.bytes != text { faults.append("\(ring.bytes) bytes are counted for \(text)") }
        if budget.bytes != ring.charged { faults.append("\(budget.bytes) bytes are charged for \(ring.charged)") }
    }

    private mutating func read(_ index: Int) {
        guard machine.isLive else { return }
        var ring = machine.ring
        var lookup = ring.find(readers[index].offset)
        if lookup == .older {
            let start: Int64 = if case .position(let position) = readers[index].offset { position.after } else { 0 }
            ring = Ring(limits: limits)
            ring.replace(withPart: feed.history(after: start, limit: .max / 2), after: start)
            lookup = ring.find(readers[index].offset)
        }
        switch lookup {
        case .found(let position, _):
            let batch = ring.batch(after: position.sequence)
            for (comment, version) in Self.changes(batch) {
                if version < readers[index].shown[comment] ?? 0 { faults.append("reader \(index) went back") }
                readers[index].shown[comment] = version
            }
            readers[index].offset = .position(batch.next)
        case .lost: readers[index] = Reader()
        case .unseen: perform(machine.handle(.unseen))
        case .older: faults.append("a part is not enough")
        }
    }

    /// Lets everything arrive, then compares the ring and the readers with the feed.
    private mutating func settle() {
        link()
        for _ in 0..<300 {
            deliver()
            execute()
            answer()
        }
        check()
        let ring = machine.ring
        guard machine.isLive, ring.last == feed.last else {
            faults.append("stands at \(ring.last), the feed at \(feed.last)")
            return
        }
        // From each position the ring gives all comments that the feed gives there.
        for after in ring.floor..<ring.last {
            let given = Set(Self.changes(ring.batch(after: after)).map(\.comment))
            let kept = Set(feed.items.filter { $0.sequence > after }.map { feed.log[Int($0.sequence) - 1].comment })
            if !given.isSuperset(of: kept) { faults.append("after \(after): \(given) of \(kept)") }
        }
        for index in readers.indices {
            for _ in 0..<20 { read(index) }
            for item in feed.items {
                let comment = feed.log[Int(item.sequence) - 1].comment
                let newest = feed.version(of: comment, upTo: feed.last)
                let shown = readers[index].shown[comment] ?? 0
                if shown != newest { faults.append("reader \(index) shows \(comment) as \(shown), not \(newest)") }
            }
        }
    }
}
