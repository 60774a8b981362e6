import Testing

@testable import Simulation

/// A history written by hand for the oracle: a server without faults, and all that a faulty one could do.
struct Story {
    private var oracle: Oracle
    var snapshot = ServerSnapshot()
    var now: Int64 = 1000
    /// Where the server's clock is ahead of `now`.
    var serverStart: Int64 = 1_000_000
    private(set) var found: [Violation] = []
    private var observations: [Observation] = []
    private var saved: ServerSnapshot?
    /// The events that were published.
    private var published: [Int: SimulatedEvent] = [:]

    static let channel = "thread:t1"
    static let queue = "{c.0}:queue:work"
    static let born: Int64 = 77

    init() {
        oracle = Oracle(SimulationOptions())
        snapshot.epoch = 5
        snapshot.configuration = ["partitions": "1"]
        tell()
    }

    /// An event of conversation 1, in a forum of its own, so that one channel can be told apart from the other.
    static func event(
        _ number: Int, thread: Int = 1, comment: Int? = nil, kind: SimulatedEvent.Kind = .created,
        behaviour: SimulatedEvent.Behaviour = .plain
    ) -> SimulatedEvent {
        SimulatedEvent(
            number, thread: thread, forum: 0, comment: comment ?? number, kind: kind, behaviour: behaviour)
    }

    /// What came of it is judged now.
    mutating func tell(_ more: Observation...) {
        snapshot.serverTime = serverStart + now
        found += oracle.observe(observations + more, snapshot, at: now)
        observations = []
    }

    mutating func take(_ step: Step) { oracle.willTake(step) }

    mutating func pass(_ time: Int64) { now += time }

    mutating func stepClock(by time: Int64) {
        serverStart += time
        tell(.clockStepped(time))
    }

    // MARK: Events

    mutating func offer(_ event: SimulatedEvent, door: Observation.Door = .post) {
        tell(.offered(event, door: door))
    }

    mutating func accept(_ event: SimulatedEvent, door: Observation.Door = .post) {
        snapshot.queues[Story.queue, default: []].append(event.number)
        tell(.offered(event, door: door), .accepted(event.number))
    }

    mutating func take(outOfQueue number: Int) {
        snapshot.queues[Story.queue]?.removeAll { $0 == number }
    }

    /// Appends to one feed.
    mutating func append(_ number: Int, to channel: String, isAnnounced: Bool = true) {
        var feed =
            snapshot.feeds[channel]
            ?? ServerSnapshot.Feed(born: Story.born + Int64(snapshot.feeds.count), last: 0, floor: 0, items: [:])
        feed.last += 1
        feed.items[feed.last] = number
        snapshot.feeds[channel] = feed
        if isAnnounced { observations.append(.announced(channel: channel, sequence: feed.last, event: number)) }
    }

    /// What a commit of the last stage does.
    mutating func publish(_ events: SimulatedEvent..., isRewriting: Bool = true) {
        for event in events {
            take(outOfQueue: event.number)
            published[event.number] = event
            for channel in event.channels {
                append(event.number, to: channel)
                if isRewriting, event.kind != .created { rewrite(channel, to: event) }
            }
        }
        tell()
    }

    /// A change stands at its comment's place, and the change before is gone.
    private mutating func rewrite(_ channel: String, to event: SimulatedEvent) {
        guard var feed = snapshot.feeds[channel] else { return }
        let items = feed.items.filter { number, item in
            number < feed.last && published[item]?.isSameComment(as: event) == true
        }
        for (offset, number) in items.keys.sorted().enumerated() {
            feed.items[number] = offset == 0 ? event.number : nil
        }
        snapshot.feeds[channel] = feed
    }

    /// Accepts and publishes plain events of conversation 1.
    mutating func publish(_ numbers: ClosedRange<Int>) {
        for number in numbers {
            accept(Story.event(number))
            publish(Story.event(number))
        }
    }

    mutating func cut(to floor: Int64) {
        guard var feed = snapshot.feeds[Story.channel] else { return }
        feed.floor = floor
        feed.items = feed.items.filter { $0.key > floor }
        snapshot.feeds[Story.channel] = feed
        tell()
    }

    mutating func sweep(_ channel: String = Story.channel) {
        snapshot.feeds[channel] = nil
        tell()
    }

    // MARK: Readers

    static func offset(_ sequence: Int64, born: Int64 = Story.born, epoch: Int64 = 5) -> String {
        "\(epoch)_\(born)_\(sequence)"
    }

    mutating func ask(_ position: String = "-1", reader: String = "r0") {
        tell(.asked(reader, edge: "e0", channel: Story.channel, position: position))
    }

    mutating func answer(_ events: [Int], next: String, reader: String = "r0") {
        tell(.answered(reader, events: events, next: next))
    }

    /// A reader asks from the beginning or from a position, and is answered.
    mutating func read(
        from position: String = "-1", _ events: [Int], next: String, reader: String = "r0"
    ) {
        ask(position, reader: reader)
        answer(events, next: next, reader: reader)
    }

    mutating func lose(from position: String) {
        ask(position)
        tell(.lost("r0"))
    }

    // MARK: The server

    mutating func save() {
        saved = snapshot
        tell(.saved)
    }

    /// Restarts with all data and gets a new epoch.
    mutating func restart() {
        tell(.restarted)
        snapshot.epoch = (snapshot.epoch ?? 0) + 1
        tell()
    }

    mutating func takeBack(isCut: Bool) {
        let epoch = snapshot.epoch ?? 0
        let isEmpty = saved == nil
        snapshot = saved ?? ServerSnapshot()
        snapshot.serverTime = serverStart + now
        if isCut { tell(.takenBack(isEmpty: isEmpty), .restarted) } else { tell(.takenBack(isEmpty: isEmpty)) }
        snapshot.epoch = epoch + 1
        snapshot.configuration = ["partitions": "1"]
        if isCut { tell() }
    }

    mutating func conclude(_ processes: ProcessState...) {
        found += oracle.conclude(snapshot, processes: processes, at: now)
    }

    var rules: [Violation.Rule] { found.map(\.rule) }
}
