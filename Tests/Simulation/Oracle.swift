/// Knows everything that was promised and everything that happened, and says where the two differ.
///
/// Pure: it is told of each step what could be observed, and of the server's data after each step that may have changed
/// them. See docs/simulation.md for the promises in words.
package struct Oracle {
    /// What the world was when a copy of the server's data was kept.
    private struct Copy {
        var ledger: EventLedger
        var feeds: [String: FeedTruth]
        var orders: [String: PublicationOrder]
    }

    private var ledger = EventLedger()
    private var feeds: [String: FeedTruth] = [:]
    private var orders: [String: PublicationOrder] = [:]
    private var truths: [Step.ReaderName: ReaderTruth] = [:]
    private var copy: Copy?
    private var now: Int64 = 0
    /// Where the server's clock is ahead of the time that all share, in milliseconds.
    private var serverOffset: Int64 = 0
    /// Repeats are recognised by the server's clock.
    private var clockWasStepped = false
    /// Whether an edge may have had to read its channels again: its connection was cut, so it does not know what was pushed
    /// meanwhile; or the functions were gone, so the server may be another one.
    private var mayHaveReread = false
    /// What a process that is frozen may know: the feeds as they were when it was. One that is thawed knows more when it
    /// has handled what came meanwhile.
    private var frozen: [Step.ProcessName: [String: FeedTruth]] = [:]
    private var thawed: Set<Step.ProcessName> = []
    /// When each edge was asked for each channel first: it may have read it then, and watched it since.
    private var reads: [Step.ProcessName: [String: OracleTime]] = [:]
    /// Where the server's clock was when it stepped back.
    private var peaks: [OracleTime] = []
    /// The shortest time that an idle feed was kept.
    private var ttl: Int64
    /// How often the server restarted or its data went back, and how often it had when each epoch was seen first.
    private var restarts = 0
    private var epochs: [Int64: Int] = [:]
    private var newestEpoch: Int64?
    /// How long the stage `validate` recognises repeats, in milliseconds.
    private static let window: Int64 = 600_000

    package init(_ options: SimulationOptions) {
        ttl = options.ttl
    }

    /// Tells of a step before it is taken: what only the step says.
    package mutating func willTake(_ step: Step) {
        if case .kill = step { ledger.kills += 1 }
        switch step {
        case .cut, .forgetFunctions: mayHaveReread = true
        case .freeze(let process):
            thawed.remove(process)
            frozen[process] = frozen[process] ?? feeds
        case .thaw(let process): thawed.insert(process)
        case .kill(let process): frozen[process] = nil
        case .settle:
            for process in thawed { frozen[process] = nil }
            thawed = []
        default: break
        }
        guard case .seek(let reader, let channel, let place) = step else { return }
        var other: ReaderTruth?
        if case .like(let name) = place { other = truths[name] }
        truths[reader] = ReaderTruth(channel: channel, like: other?.channel == channel ? other : nil)
    }

    /// Tells what was observed while a step was taken. `snapshot`: the server's data after it; nil when the step cannot
    /// have changed them.
    package mutating func observe(
        _ observations: [Observation], _ snapshot: ServerSnapshot?, at now: Int64
    ) -> [Violation] {
        self.now = now
        var violations: [Violation] = []
        let isCut = observations.contains(.restarted)
        for observation in observations { violations += observe(observation, isCut: isCut) }
        if let snapshot { violations += compare(snapshot) }
        return violations
    }

    private mutating func observe(_ observation: Observation, isCut: Bool) -> [Violation] {
        let time = OracleTime(monotonic: now, server: now + serverOffset)
        switch observation {
        case .offered(let event, let door): ledger.offer(event, door: door)
        case .accepted(let number): ledger.accept(number, at: now)
        case .refused, .began, .died, .rightsChanged: break
        case .asked(let name, let edge, let channel, let position):
            let known = frozen[edge].map { $0[channel] ?? FeedTruth() }
            let read = reads[edge]?[channel] ?? time
            reads[edge, default: [:]][channel] = read
            truths[name, default: ReaderTruth(channel: channel)].ask(
                position, in: feed(channel), known: known, read: read)
        case .answered(let name, let events, let next):
            let epochs = epochs
            return with(name) { reader, feed in
                reader.answer(events, next: next, in: feed, at: time) { epochs[$0.epoch, default: 0] }
            }
        case .lost(let name):
            let (epochs, restarts, ttl, wasReread, times) = (epochs, restarts, ttl, mayHaveReread, peaks + [time])
            return with(name) { reader, feed in
                reader.lose(in: feed, at: times, ttl: ttl, restarts: restarts, wasReread: wasReread) {
                    epochs[$0.epoch, default: 0] < restarts || Oracle.isOvertaken($0.epoch, in: epochs)
                }
            }
        case .unanswered(let name): truths[name]?.giveUp()
        case .announced(let channel, let sequence, let event):
            var truth = feed(channel)
            know(event, in: &truth)
            let problem = truth.append(event, at: sequence)
            feeds[channel] = truth
            return (problem.map { [$0.named(channel)] } ?? []) + published(event, to: channel)
        case .takenBack(let isEmpty): takeBack(to: isEmpty ? nil : copy, isCut: isCut)
        case .saved: copy = Copy(ledger: ledger, feeds: feeds, orders: orders)
        case .restarted: restarts += 1
        case .clockStepped(let by):
            if by < 0 { peaks.append(time) }
            serverOffset += by
            clockWasStepped = true
        case .configured(.ttl, let value): ttl = min(ttl, value)
        case .configured: break
        case .movedByHand(let number): ledger.move(number)
        case .droppedByHand(let number): ledger.drop(number)
        }
        return []
    }

    private func feed(_ channel: String) -> FeedTruth { feeds[channel] ?? FeedTruth() }

    private func know(_ number: Int, in feed: inout FeedTruth) {
        if let entry = ledger.entries[number] { feed.know(entry.event) }
    }

    private mutating func with(
        _ name: Step.ReaderName, _ body: (inout ReaderTruth, FeedTruth) -> Violation?
    ) -> [Violation] {
        guard var reader = truths[name] else { return [] }
        let violation = body(&reader, feed(reader.channel))
        truths[name] = reader
        return violation.map { [Violation($0.rule, "\(name): \($0.detail)")] } ?? []
    }

    /// The epoch that readers see may change once for each time that the server restarted or its data went back. An
    /// epoch that comes back with older data is no new one.
    private mutating func note(epoch: Int64) -> Violation? {
        guard epochs[epoch] == nil else { return nil }
        defer { newestEpoch = epoch }
        epochs[epoch] = restarts
        guard let newestEpoch, epochs[newestEpoch] == restarts else { return nil }
        // The first to greet after older data came back may not know the highest epoch that was given out; another does.
        if epochs.keys.contains(where: { $0 > newestEpoch && $0 < epoch }) { return nil }
        return Violation(.epoch, "the epoch changed from \(newestEpoch) to \(epoch) without a cause")
    }

    /// Whether an earlier epoch is higher. Who issued this one did not know that, and a process that does renews it, so
    /// that readers are told twice of one loss.
    private static func isOvertaken(_ epoch: Int64, in epochs: [Int64: Int]) -> Bool {
        guard let restarts = epochs[epoch] else { return false }
        return epochs.contains { $0.key > epoch && $0.value < restarts }
    }

    private mutating func published(_ event: Int, to channel: String) -> [Violation] {
        var violations = ledger.publish(event, to: channel).map { [$0] } ?? []
        if let entry = ledger.entries[event], violations.isEmpty {
            violations += orders[channel, default: PublicationOrder()]
                .publish(entry, at: now, window: clockWasStepped ? nil : Oracle.window)
                .map { $0.named(channel) }
        }
        return violations
    }

    private mutating func takeBack(to copy: Copy?, isCut: Bool) {
        restarts += 1
        ledger.takeBack(to: copy?.ledger)
        orders = copy?.orders ?? [:]
        for channel in Set(feeds.keys).union(copy?.feeds.keys.map { $0 } ?? []) {
            var truth = feed(channel)
            truth.takeBack(to: copy?.feeds[channel], isCut: isCut, restarts: restarts)
            feeds[channel] = truth
        }
    }

    private mutating func compare(_ snapshot: ServerSnapshot) -> [Violation] {
        serverOffset = snapshot.serverTime - now
        var violations = snapshot.epoch.flatMap { note(epoch: $0) }.map { [$0] } ?? []
        for channel in Set(feeds.keys).union(snapshot.feeds.keys).sorted() {
            var truth = feed(channel)
            for item in snapshot.feeds[channel]?.items.values ?? [:].values { know(item, in: &truth) }
            var unannounced: [Int] = []
            violations += truth.compare(snapshot.feeds[channel]) { unannounced.append($0) }.map { $0.named(channel) }
            feeds[channel] = truth
            for event in unannounced { violations += published(event, to: channel) }
        }
        return violations + ledger.compare(snapshot)
    }

    // MARK: The end

    /// The readers, by name.
    package var readers: [Step.ReaderName] { truths.keys.sorted() }

    package func isAnswered(_ reader: Step.ReaderName) -> Bool { truths[reader]?.isAnswered ?? true }

    /// Whether a reader needs no further answer: it is at the end of its channel.
    package func isUpToDate(_ reader: Step.ReaderName) -> Bool {
        guard let truth = truths[reader] else { return true }
        return truth.hasPosition && truth.conclude(in: feed(truth.channel)) == nil
    }

    /// All channels that ever had an event.
    package var channels: [String] { feeds.keys.sorted() }

    /// Judges the state in which no fault is left, everything was delivered and time has passed.
    package mutating func conclude(
        _ snapshot: ServerSnapshot, processes: [ProcessState], at now: Int64
    ) -> [Violation] {
        var violations = observe([], snapshot, at: now)
        for (queue, events) in snapshot.queues.sorted(by: { $0.key < $1.key }) where !events.isEmpty {
            violations.append(Violation(.stuck, "events \(events) wait in \(queue)"))
        }
        for (list, events) in snapshot.dead.merging(snapshot.held, uniquingKeysWith: +).sorted(by: { $0.key < $1.key })
        where !events.isEmpty && snapshot.isOutside(list) {
            violations.append(
                Violation(.unreachable, "events \(events) are set aside in \(list), which belongs to no lane now"))
        }
        for process in processes where process.life == .running {
            if let trouble = process.trouble {
                violations.append(Violation(.notReady, "\(process.name) is not ready: \(trouble)"))
            }
        }
        if snapshot.configuration.isEmpty, processes.contains(where: { $0.life == .running }) {
            violations.append(Violation(.noConfiguration, "the pipeline's configuration is missing"))
        }
        for (name, reader) in truths.sorted(by: { $0.key < $1.key }) {
            if let problem = reader.conclude(in: feed(reader.channel)) {
                violations.append(Violation(problem.rule, "\(name): \(problem.detail)"))
            }
        }
        return violations
    }
}

extension ServerSnapshot {
    /// Whether a list belongs to a partition or a stage that the configuration does not have (any more), and is not written
    /// down as one that operators look at.
    fileprivate func isOutside(_ key: String) -> Bool {
        guard let partitions = configuration["partitions"].flatMap({ Int($0) }), let stages = configuration["stages"],
            let stage = key.split(separator: ":").last
        else { return false }
        let isGone = stage != "incoming" && !stages.split(separator: ",").contains(stage)
        guard key.hasPrefix("{"), let end = key.firstIndex(of: "}"),
            let partition = key[..<end].split(separator: ".").last.flatMap({ Int($0) })
        else { return isGone }
        return (isGone || partition >= partitions) && !former.contains("\(partition) \(stage)")
    }
}

extension Violation {
    fileprivate func named(_ channel: String) -> Violation { Violation(rule, "\(channel): \(detail)") }
}
