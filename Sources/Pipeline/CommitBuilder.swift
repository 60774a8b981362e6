internal import JSON
internal import Store

/// Writes what was decided about a batch as one commit. Pure.
struct CommitBuilder {
    let lane: LaneID
    let layout: PipelineLayout
    let limits: PipelineLimits
    /// Which repeats the lane's commits drop.
    let duplicates: DuplicatePolicy
    let token: String
    let parser: JSONParser
    let now: Int64

    /// - Parameters:
    ///   - serial: numbers the commits of this token; the same number again does nothing twice.
    ///   - attempts: how often the head event was tried, for its dead letter.
    func call(for batch: Batch, serial: Int, attempts: Int) -> FunctionCall<CommitAnswer> {
        .commit(
            commit(for: batch, serial: serial, attempts: attempts), of: layout,
            bytes: batch.raw.reduce(1024) { $0 + $1.count + $1.count / 4 + 32 })
    }

    func commit(for batch: Batch, serial: Int, attempts: Int) -> Commit {
        let count = batch.decisions.count
        var outputs = Outputs(
            publication: Commit.Publication(history: limits.history, deadLetters: limits.deadLetters),
            changes: Commit.Changes(heldEvents: limits.heldEvents, lifetime: limits.history.longestLife))
        // The lane of a partition's first stage gives versions, since the events of a conversation pass there in order.
        let series = lane.stage == layout.stages.first ? EventVersion.series(token: token, serial: serial) : nil
        outputs.hasKeys = batch.decisions.contains(where: CommitBuilder.hasKey)
        for (index, decision) in batch.decisions.enumerated() {
            outputs.members = batch.members[index]
            outputs.element = batch.raw[index]
            outputs.version = version(outputs.members, index: index, series: series)
            add(decision, batch: batch, index: index, attempts: attempts, serial: serial, to: &outputs)
        }
        var commit = Commit(
            lane: lane, token: token, serial: serial, taking: batch.raw[..<count], lease: limits.lease)
        commit.operations = operations(outputs, count: count)
        commit.isTimed = limits.callTime > 0
        return commit
    }

    /// The version that an event has, or is given here. Those that a former version of the program has left behind the
    /// first stage stay without. A version that somebody has put into an inlet is not ours.
    private func version(_ members: LeadingMembers, index: Int, series: [UInt8]?) -> EventVersion? {
        guard !lane.isIncoming else { return nil }
        return members.version ?? series.map { EventVersion(series: $0, index: index) }
    }

    /// The bytes of a dead letter: as they stood in the queue, with the version that the event is given here.
    private func raw(of batch: Batch, index: Int, _ outputs: Outputs) -> [UInt8] {
        guard outputs.version != nil, outputs.members.version == nil, case .event(let event) = batch.entries[index]
        else { return batch.raw[index] }
        return outputs.bytes(
            Event(fields: event.fields, element: event.element, start: event.start, sender: event.sender))
    }

    private static func hasKey(_ decision: Disposition) -> Bool {
        if case .forward(let events) = decision { events.first?.duplicateKey != nil } else { false }
    }

    private struct Outputs {
        var hasKeys = false
        var pushes: [Int: [[UInt8]]] = [:]
        var keyed: [Commit.KeyedEvent] = []
        var publication: Commit.Publication
        var changes: Commit.Changes
        /// By the bytes of the names: two strings that are equal in Swift may be two channels to Redis.
        var channelIndex: [[UInt8]: Int] = [:]
        var dead: [[UInt8]] = []
        var held: [[UInt8]] = []
        var drops: [String: Int] = [:]
        var limited: [String: Int] = [:]
        var out = 0
        /// The current event as it stood in the queue, and what the pipeline had put in front of it.
        var element: [UInt8] = []
        var members = LeadingMembers()
        /// Its version; nil for one that has none.
        var version: EventVersion?
        var settled: [JobOutcome: [JobTicket]] = [:]

        /// The job that the current event came from.
        var job: JobTicket? { members.job }

        /// Whether the current event is handed on as it stands in the queue when no stage has changed it.
        private var isKept: Bool { version == members.version && version?.isCreation != true }

        /// The bytes to hand on. Of several events the last one carries the job.
        func bytes(_ event: Event, isLast: Bool = true) -> [UInt8] {
            if isKept, !event.isChanged, event.start == members.end, isLast || job == nil, event.element == element {
                return element
            }
            return event.bytes(behind: members.opening(version: version, withJob: isLast))
        }

        /// Gives the place of the change in the list.
        mutating func change(
            _ verdict: Commit.Change.Verdict, _ change: CommentChange, _ version: EventVersion, text: [UInt8]
        ) -> Int {
            changes.list.append(Commit.Change(verdict, change, version, by: members.sender, text: text))
            return changes.list.count - 1
        }

        mutating func publish(_ event: Event, to channels: [String], as post: Commit.Publication.Post?) {
            let index = publication.events.count
            publication.posts[index] = post
            publication.events.append(event.bytes)
            for channel in channels {
                let key = Array(channel.utf8)
                if let known = channelIndex[key] {
                    publication.channels[known].events.append(index)
                } else {
                    channelIndex[key] = publication.channels.count
                    publication.channels.append((channel, [index]))
                }
            }
        }

        mutating func drop(_ reason: String) {
            drops[reason, default: 0] += 1
            settle(.dropped(reason: reason))
        }

        mutating func settle(_ outcome: JobOutcome) {
            if let job { settled[outcome, default: []].append(job) }
        }
    }

    private func add(
        _ decision: Disposition, batch: Batch, index: Int, attempts: Int, serial: Int, to outputs: inout Outputs
    ) {
        func setAside(_ event: [UInt8], _ reason: String) -> [UInt8] {
            SetAsideEvent(
                id: "\(lane)-\(token)-\(serial)-\(index)", stage: lane.stage, reason: reason, attempts: attempts,
                time: now, event: event
            ).encoded(with: parser)
        }
        switch decision {
        case .forward(let events):
            for name in events.lazy.flatMap(\.limits) { outputs.limited[name, default: 0] += 1 }
            if events.isEmpty {
                outputs.drop("empty")
            } else if events.count == 1, let place = held(events[0], &outputs) {
                forward(Commit.Change.reference(place), key: events[0].duplicateKey, to: &outputs)
            } else if outputs.hasKeys, layout.stage(after: lane.stage) != nil {
                // All parts of a split event share its deduplication key.
                for (part, event) in events.enumerated() {
                    let key: Commit.DuplicateKey =
                        part > 0 ? .sameAsBefore : event.duplicateKey.map { .key($0) } ?? .none
                    outputs.keyed.append(
                        Commit.KeyedEvent(key, outputs.bytes(event, isLast: part == events.count - 1)))
                }
            } else {
                outputs.out += 1
                for (part, event) in events.enumerated() {
                    push(event, isLast: part == events.count - 1, to: &outputs)
                }
                if layout.stage(after: lane.stage) == nil { outputs.settle(.done) }
            }
        case .assign(let event, let partition):
            outputs.out += 1
            push(event, partition: partition, to: &outputs)
        case .publish(let event, let channels):
            for name in event.limits { outputs.limited[name, default: 0] += 1 }
            if let change = ConversationChange(of: event.fields) {
                // Only the web app and moderators close a conversation, or open it.
                guard outputs.members.sender.isApp || outputs.members.sender.isModerator else {
                    return outputs.drop("not-yours")
                }
                outputs.out += 1
                outputs.publish(event, to: channels, as: .conversation(change))
                push(event, to: &outputs)
            } else {
                publish(event, to: channels, &outputs)
            }
            if layout.stage(after: lane.stage) == nil { outputs.settle(.published) }
        case .drop(let reason): outputs.drop(reason)
        case .hold(let event, let reason):
            let letter = setAside(outputs.bytes(event), reason)
            if let (change, version) = change(event, outputs) {
                _ = outputs.change(.hold, change, version, text: letter)
            } else {
                outputs.held.append(letter)
            }
        case .reject(let reason):
            outputs.dead.append(setAside(raw(of: batch, index: index, outputs), reason))
            outputs.settle(.stalled)
        }
    }

    /// What an event does to a comment, when that can be compared with others.
    private func change(_ event: Event, _ outputs: Outputs) -> (CommentChange, EventVersion)? {
        guard lane.partition != nil, let version = outputs.version, let change = CommentChange(of: event.fields) else {
            return nil
        }
        return (change, version)
    }

    /// The place of an event's change, when the lane may hold its comment: an edit or a deletion that is handed on. Parts of
    /// a split event are not looked at.
    private func held(_ event: Event, _ outputs: inout Outputs) -> Int? {
        guard let kind = CommentChange.Kind(of: event.fields), kind != .created, layout.stage(after: lane.stage) != nil,
            let (change, version) = change(event, outputs)
        else { return nil }
        return outputs.change(.go, change, version, text: outputs.bytes(event))
    }

    /// Hands a change on; the functions count it.
    private func forward(_ reference: [UInt8], key: [UInt8]?, to outputs: inout Outputs) {
        if outputs.hasKeys {
            outputs.keyed.append(Commit.KeyedEvent(key.map { .key($0) } ?? .none, reference))
        } else {
            outputs.pushes[lane.partition ?? 0, default: []].append(reference)
        }
    }

    private func publish(_ event: Event, to channels: [String], _ outputs: inout Outputs) {
        // A change reaches the channels in which its comment stands, even if it names none.
        guard let (change, version) = change(event, outputs), !channels.isEmpty || change.kind != .created else {
            outputs.out += 1
            if !channels.isEmpty { outputs.publish(event, to: channels, as: nil) }
            return push(event, to: &outputs)
        }
        let isHandedOn = layout.stage(after: lane.stage) != nil
        if change.kind == .created, !isHandedOn, outputs.job == nil {
            return outputs.publish(event, to: channels, as: .new(change, version, by: outputs.members.sender))
        }
        let place = outputs.change(.go, change, version, text: outputs.bytes(event))
        outputs.publish(event, to: channels, as: .change(place))
        if isHandedOn { outputs.pushes[lane.partition ?? 0, default: []].append(Commit.Change.reference(place)) }
    }

    private func push(_ event: Event, isLast: Bool = true, partition: Int? = nil, to outputs: inout Outputs) {
        guard layout.stage(after: lane.stage) != nil else { return }
        let partition = partition ?? lane.partition ?? 0
        outputs.pushes[partition, default: []].append(outputs.bytes(event, isLast: isLast))
    }

    private func operations(_ outputs: Outputs, count: Int) -> [Commit.Operation] {
        var operations: [Commit.Operation] = []
        if !outputs.changes.list.isEmpty { operations.append(.change(outputs.changes)) }
        // What is published decides what is handed on: a superseded event is not.
        if !outputs.publication.events.isEmpty { operations.append(.publish(outputs.publication)) }
        if let next = layout.stage(after: lane.stage) {
            for (partition, events) in outputs.pushes.sorted(by: { $0.key < $1.key }) {
                operations.append(
                    .push(to: LaneID(stage: next, partition: partition), limit: limits.queueEvents, events))
            }
            if !outputs.keyed.isEmpty {
                operations.append(
                    .pushOnce(
                        to: LaneID(stage: next, partition: lane.partition), limit: limits.queueEvents,
                        window: duplicates.window, keys: duplicates.keys, outputs.keyed))
            }
        }
        if !outputs.dead.isEmpty { operations.append(.setAside(.dead, cap: limits.deadLetters, outputs.dead)) }
        if !outputs.held.isEmpty { operations.append(.setAside(.held, cap: limits.heldEvents, outputs.held)) }
        for (outcome, jobs) in outputs.settled.sorted(by: { $0.key < $1.key }) {
            operations.append(.settle(outcome, jobs))
        }
        let drops = outputs.drops.sorted { $0.key < $1.key }
        var counts = [("dropped", drops.reduce(0) { $0 + $1.value })]
        counts += drops.map { ("dropped:\($0.key)", $0.value) }
        counts += outputs.limited.sorted { $0.key < $1.key }.map { ("limited:\($0.key)", $0.value) }
        counts.append(("out", outputs.out))
        if lane.isIncoming { counts.append(("in", count)) }
        operations += counts.filter { $0.1 > 0 }.map { .count($0.0, $0.1) }
        return operations
    }
}
