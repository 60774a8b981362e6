import Store
import TestSupport

@testable import Edge

/// A random simulation of a feed, its connections and its readers, to test the state machine of a channel.
struct FeedWorld {
    /// A reader: its offset, and what it has seen.
    private struct Reader {
        var offset = Offset.beginning
        /// The number of the last event seen, across all incarnations of the feed; 0 before any.
        var seen = 0
        /// What was published when it came to a channel without a feed: it must get all that follows, or be told.
        var since: Int?
        /// The load that judges its position, see ``Subscription/judgedBy``.
        var judgedBy: Int?
    }

    private enum Message {
        case confirmed
        case announced(Int64, [UInt8])
    }

    var random: SplitMix64
    /// The violations found.
    private(set) var faults: [String] = []

    private var machine: ChannelMachine
    private let limits: EdgeLimits
    /// How many events the feed keeps; an operator changes it now and then.
    private var capacity: Int64

    // The server.
    private var epoch: Int64 = 1
    private var born: Int64 = 0
    private var last: Int64 = 0
    private var floor: Int64 = 0
    /// The clock, which steps back now and then; and what is written down of it, which never falls.
    private var clock: Int64 = 1_700_000_000_000
    private var time: Int64 = 1_700_000_000_000
    /// The latest birth of a feed that was removed, until now and when this feed was born.
    private var swept: Int64 = 0
    private var sweptBefore: Int64 = 0
    /// The newest of the events that went with a feed that was removed.
    private var vanished = 0
    /// The events kept. An event's text is its number among all events ever published, so that a reader can detect a
    /// loss.
    private var items: [ChannelHistory.Item] = []
    private var published = 0

    // The connections.
    private var isLinked = false
    private var wire: [Message] = []
    private var asked: [ChannelMachine.Actions.Load] = []
    private var answers: [(generation: Int, history: ChannelHistory?)] = []
    private var mustRetry = false
    private var readers = Array(repeating: Reader(), count: 4)

    init(random: SplitMix64) {
        self.random = random
        var limits = EdgeLimits()
        limits.ringEvents = 12
        limits.answerBytes = 20
        self.limits = limits
        capacity = [5, 12, 30][Int(random.seed % 3)]
        machine = ChannelMachine(limits: limits)
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps { step() }
        settle()
    }

    private mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<25: publish(Int.random(in: 1...(chance(30) ? 20 : 3), using: &random))
        case 25..<50: deliver()
        case 50..<60: execute()
        case 60..<72: answer()
        case 72..<91: read(Int.random(in: 0..<readers.count, using: &random))
        case 91: comeFromAnother(Int.random(in: 0..<readers.count, using: &random))
        case 92..<95: link()
        case 95..<96: unlink()
        case 96..<97: readers[Int.random(in: 0..<readers.count, using: &random)] = Reader()
        case 97: if chance(10) { delete() } else if chance(30) { stepClock() } else { retract() }
        case 98:
            if chance(10) {
                loseEvents()
            } else if chance(30) {
                capacity = [2, 5, 12, 30, 100].randomElement(using: &random) ?? 5
            }
        default: retry()
        }
    }

    /// Lets everything arrive, then checks that all readers have everything.
    private mutating func settle() {
        link()
        // A deleted feed is noticed with the first event of the next one.
        if born == 0 { publish(1) }
        for _ in 0..<500 {
            deliver()
            execute()
            answer(canFail: false)
            retry()
        }
        if !machine.isLive { faults.append("never live again") }
        if machine.ring.last != last { faults.append("stands at \(machine.ring.last), the feed at \(last)") }
        for index in readers.indices {
            for _ in 0..<100 {
                read(index)
                execute()
                answer(canFail: false)
            }
            if let newest = items.last, let number = Int(String(decoding: newest.event, as: UTF8.self)),
                readers[index].seen != number
            {
                faults.append("reader \(index) has seen \(readers[index].seen) of \(number)")
            }
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    // MARK: The server

    private mutating func publish(_ count: Int) {
        clock += 1
        if born == 0 { (born, sweptBefore) = (max(clock, time), swept) }
        for _ in 0..<count {
            last += 1
            published += 1
            let event = Array("\(published)".utf8)
            items.append(ChannelHistory.Item(sequence: last, event: event))
            if isLinked { wire.append(.announced(last, event)) }
            // Redis does not repeat messages, but a proxy in between might.
            if isLinked, chance(3) { wire.append(.announced(last, event)) }
        }
        floor = max(floor, last - capacity)
        items.removeAll { $0.sequence <= floor }
    }

    private mutating func retract() {
        if items.count > 1 { items.remove(at: Int.random(in: 0..<(items.count - 1), using: &random)) }
    }

    /// Not between a subscription and its history: a machine that never knew the feed cannot tell it from one that was
    /// recreated with the same length in that moment.
    private mutating func delete() {
        guard machine.isLive || !isLinked else { return }
        sweep(born)
        vanished = published
        (born, last, floor, items) = (0, 0, 0, [])
    }

    /// What the server writes down when it removes a feed that was born then, and otherwise now and then.
    private mutating func sweep(_ removed: Int64 = 0) {
        swept = max(swept, removed)
        time = max(time, clock, swept + 1)
    }

    /// The clock is set, time passes, or a feed of another channel is removed.
    private mutating func stepClock() {
        clock += Int64.random(in: -200...200, using: &random)
        if chance(50) { sweep(chance(30) ? time - Int64.random(in: 0...50, using: &random) : 0) }
    }

    /// The server comes back without its newest events and with a new epoch; connections break.
    private mutating func loseEvents() {
        epoch += 1
        let count = min(items.count, Int.random(in: 0...3, using: &random))
        items.removeLast(count)
        last -= min(last, Int64(count))
        floor = min(floor, last)
        unlink()
    }

    private func history(after sequence: Int64) -> ChannelHistory {
        let limit = Int64(limits.ringEvents)
        let from = max(sequence + 1, last - limit + 1, floor + 1)
        return ChannelHistory(
            epoch: epoch, born: born, last: last, floor: floor,
            items: items.filter { $0.sequence >= from }, time: born == 0 ? time : 0,
            swept: born == 0 ? swept : sweptBefore, isComplete: last - limit <= max(sequence, floor))
    }

    // MARK: The links

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
                // A message lost on a working connection: it should not happen, and must do no harm.
                if chance(2) && !wire.isEmpty { continue }
                perform(machine.handle(.announced(sequence: sequence, event: event)))
            }
        }
    }

    private mutating func execute() {
        guard !asked.isEmpty else { return }
        let load = asked.removeFirst()
        answers.append((load.generation, history(after: load.after)))
    }

    private mutating func answer(canFail: Bool = true) {
        guard !answers.isEmpty else { return }
        let (generation, history) = answers.removeFirst()
        guard let history, !(canFail && chance(10)) else {
            return perform(machine.handle(.failed(generation: generation)))
        }
        perform(machine.handle(.loaded(generation: generation, history)))
    }

    private mutating func retry() {
        guard mustRetry else { return }
        mustRetry = false
        perform(machine.handle(.retry))
    }

    private mutating func perform(_ actions: ChannelMachine.Actions) {
        if let load = actions.load { asked.append(load) }
        if actions.retryLater { mustRetry = true }
        if actions.resubscribe, isLinked { wire.append(.confirmed) }
    }

    // MARK: The readers

    private mutating func read(_ index: Int) {
        guard machine.isLive else { return }
        var ring = machine.ring
        var lookup = ring.find(readers[index].offset)
        if lookup == .older {
            ring = part(for: readers[index].offset)
            lookup = ring.find(readers[index].offset)
            if lookup == .older { faults.append("a part that begins where its reader stands is not enough") }
        }
        switch lookup {
        case .older: break
        case .unseen:
            let judgedBy = readers[index].judgedBy ?? machine.nextLoad
            if machine.lastLoad >= judgedBy { return lose(index) }
            readers[index].judgedBy = judgedBy
            perform(machine.handle(.unseen))
        case .lost: lose(index)
        case .found(let position, let hasNews):
            let batch = ring.batch(after: position.sequence)
            if hasNews != (batch.count > 0) { faults.append("news and batch disagree") }
            take(batch, index)
            if batch.next.isUnborn, readers[index].offset == .beginning { readers[index].since = published }
            if case .position(let before) = readers[index].offset, batch.next.text < before.text {
                faults.append("reader \(index) went back from \(before.text) to \(batch.next.text)")
            }
            readers[index].offset = .position(batch.next)
            readers[index].judgedBy = nil
        }
    }

    /// A reader is told that it may have missed something: not while the feed has all that follows its position, and not
    /// while there was no feed that it can have missed.
    private mutating func lose(_ index: Int) {
        if case .position(let position) = readers[index].offset, position.isUnborn, position.epoch == epoch,
            floor == 0, position.sequence > swept
        {
            faults.append("reader \(index) is told to begin anew at \(position.sequence), after \(swept)")
        }
        if case .position(let position) = readers[index].offset, position.epoch == epoch, position.born == born,
            born != 0, position.sequence >= floor, position.sequence <= last
        {
            faults.append("reader \(index) is told to begin anew at \(position.sequence) of \(floor) to \(last)")
        }
        readers[index] = Reader()
    }

    /// A reader comes from another process, which has seen everything.
    private mutating func comeFromAnother(_ index: Int) {
        readers[index] = Reader(
            offset: .position(Position(epoch: epoch, born: born, sequence: born == 0 ? time : last)),
            seen: published)
    }

    /// The next few events of the feed, usually not all.
    private mutating func part(for offset: Offset) -> Ring {
        let start: Int64 = if case .position(let position) = offset { position.after } else { 0 }
        let kept = items.filter { $0.sequence > start }
        var part = history(after: start)
        part.items = Array(kept.prefix(Int.random(in: 1...6, using: &random)))
        part.isComplete = part.items.count == kept.count
        let ring = Ring(limits: limits)
        ring.replace(withPart: part, after: start)
        return ring
    }

    private mutating func take(_ batch: EncodedBatch, _ index: Int) {
        for number in String(decoding: batch.body.dropFirst().dropLast(), as: UTF8.self).split(separator: ",") {
            guard let number = Int(number) else { continue }
            let seen = readers[index].seen
            if let start = seen > 0 ? seen : readers[index].since, start < vanished, number > vanished {
                faults.append("reader \(index) got \(number) after \(start), and was not told that \(vanished) is gone")
            }
            if number <= seen { faults.append("reader \(index) got \(number) after \(seen)") }
            // An event that was skipped must have been retracted.
            let missed = items.contains { item in
                guard let kept = Int(String(decoding: item.event, as: UTF8.self)) else { return false }
                return seen > 0 && kept > seen && kept < number
            }
            if missed { faults.append("reader \(index) got \(number) after \(seen)") }
            readers[index].seen = number
        }
    }
}
