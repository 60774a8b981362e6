internal import JSON
internal import Redis

/// Writes what was decided about a batch as one call of `tidings_commit`. Pure. Source of the form: tidings.lua.
struct CommitBuilder {
    let lane: LaneID
    let layout: PipelineLayout
    let limits: PipelineLimits
    let token: String
    let parser: JSONParser
    let now: Int64

    /// - Parameters:
    ///   - serial: numbers the commits of this token; the same number again does nothing twice.
    ///   - attempts: how often the head event was tried, for its dead letter.
    func command(for batch: Batch, serial: Int, attempts: Int) -> RedisCommand {
        let count = batch.decisions.count
        var outputs = Outputs()
        outputs.hasKeys = batch.decisions.contains(where: CommitBuilder.hasKey)
        for (index, decision) in batch.decisions.enumerated() {
            outputs.job = batch.jobs[index]
            add(decision, raw: batch.raw[index], index: index, attempts: attempts, serial: serial, to: &outputs)
        }
        var command = RedisCommand("FCALL", "tidings_commit", "2", layout.lane(lane), layout.queue(lane), token)
        command.reserve(batch.raw.reduce(1024) { $0 + $1.count + $1.count / 4 + 32 })
        command.append(serial)
        command.append(count)
        command.append(batch.raw[0])
        command.append(count > 1 ? batch.raw[count - 1] : [])
        command.append(limits.lease)
        write(outputs, count: count, to: &command)
        return command
    }

    /// Stands for the key of an event that has none, in a batch where others have one: one list keeps their order.
    private static let noKey: [UInt8] = [0]

    private static func hasKey(_ decision: Disposition) -> Bool {
        if case .forward(let events) = decision { events.first?.duplicateKey != nil } else { false }
    }

    private struct Outputs {
        var hasKeys = false
        var pushes: [Int: [[UInt8]]] = [:]
        var uniques: [(key: [UInt8], event: [UInt8])] = []
        var published: [[UInt8]] = []
        /// Indexes into `published`, counted from 1 as Lua does; channels in order of first use.
        var channels: [(name: String, events: [Int])] = []
        /// By the bytes of the names: what `==` of two strings takes for the same may be two channels to Redis.
        var channelIndex: [[UInt8]: Int] = [:]
        var dead: [[UInt8]] = []
        var held: [[UInt8]] = []
        var drops: [String: Int] = [:]
        var out = 0
        /// The job that the event in hand came from.
        var job: JobTicket?
        var settled: [JobOutcome: [JobTicket]] = [:]

        /// The bytes to hand on. Of several events the last one carries the job.
        func bytes(_ event: Event, isLast: Bool = true) -> [UInt8] {
            guard isLast, let job else { return event.bytes }
            return job.stamp(event.bytes)
        }

        mutating func settle(_ outcome: JobOutcome) {
            if let job { settled[outcome, default: []].append(job) }
        }
    }

    private func add(
        _ decision: Disposition, raw: [UInt8], index: Int, attempts: Int, serial: Int, to outputs: inout Outputs
    ) {
        func letter(_ event: [UInt8], _ reason: String) -> [UInt8] {
            let id = "\(lane)-\(token)-\(serial)-\(index)"
            return Letter(event: event, reason: reason, stage: lane.stage, attempts: attempts, time: now, id: id)
                .encoded(with: parser)
        }
        switch decision {
        case .forward(let events):
            if events.isEmpty {
                drop("empty", &outputs)
            } else if outputs.hasKeys, layout.stage(after: lane.stage) != nil {
                // The key speaks for the event that was split, so all that came of it share its fate.
                for (part, event) in events.enumerated() {
                    let key = part > 0 ? [] : event.duplicateKey ?? CommitBuilder.noKey
                    outputs.uniques.append((key, outputs.bytes(event, isLast: part == events.count - 1)))
                }
            } else {
                outputs.out += 1
                for (part, event) in events.enumerated() {
                    push(event, isLast: part == events.count - 1, to: &outputs)
                }
                if layout.stage(after: lane.stage) == nil { outputs.settle(.done) }
            }
        case .publish(let event, let channels):
            outputs.out += 1
            outputs.published.append(event.bytes)
            for channel in channels {
                let key = Array(channel.utf8)
                if let known = outputs.channelIndex[key] {
                    outputs.channels[known].events.append(outputs.published.count)
                } else {
                    outputs.channelIndex[key] = outputs.channels.count
                    outputs.channels.append((channel, [outputs.published.count]))
                }
            }
            push(event, to: &outputs)
            if layout.stage(after: lane.stage) == nil { outputs.settle(.published) }
        case .drop(let reason): drop(reason, &outputs)
        case .hold(let event, let reason): outputs.held.append(letter(outputs.bytes(event), reason))
        case .reject(let reason):
            outputs.dead.append(letter(raw, reason))
            outputs.settle(.stalled)
        }
    }

    private func drop(_ reason: String, _ outputs: inout Outputs) {
        outputs.drops[reason, default: 0] += 1
        outputs.settle(.dropped(reason: reason))
    }

    private func push(_ event: Event, isLast: Bool = true, to outputs: inout Outputs) {
        guard layout.stage(after: lane.stage) != nil else { return }
        outputs.pushes[destination(of: event), default: []].append(outputs.bytes(event, isLast: isLast))
    }

    /// A door finds the conversation's partition; every other lane stays in its own. What names no conversation goes
    /// to the first partition, where the first stage says what is wrong with it.
    private func destination(of event: Event) -> Int {
        guard lane.isDoor else { return lane.partition ?? 0 }
        return ConversationKey.partition(of: event.fields, in: layout)
    }

    private func write(_ outputs: Outputs, count: Int, to command: inout RedisCommand) {
        if let next = layout.stage(after: lane.stage) {
            for (partition, events) in outputs.pushes.sorted(by: { $0.key < $1.key }) {
                let target = LaneID(stage: next, partition: partition)
                command.append("push")
                command.append(layout.queue(target))
                command.append(layout.lane(target))
                command.append(limits.queueEvents)
                command.append(events.count)
                for event in events { command.append(event) }
            }
            if !outputs.uniques.isEmpty {
                let target = LaneID(stage: next, partition: lane.partition)
                command.append("once")
                command.append(layout.queue(target))
                command.append(layout.lane(target))
                command.append(limits.queueEvents)
                command.append(layout.seen(lane.partition))
                command.append(limits.duplicateWindow)
                command.append(limits.duplicateKeys)
                command.append(outputs.uniques.count)
                for (key, event) in outputs.uniques {
                    command.append(key)
                    command.append(event)
                }
            }
        }
        writeFeeds(outputs, to: &command)
        writeLetters("dead", layout.dead(lane), limits.deadLetters, outputs.dead, to: &command)
        writeLetters("held", layout.held(lane), limits.heldEvents, outputs.held, to: &command)
        for (outcome, jobs) in outputs.settled.sorted(by: { $0.key < $1.key }) {
            command.append("settle")
            command.append(outcome.text)
            command.append(jobs.count)
            for job in jobs { command.append(job.array) }
        }
        writeCount("dropped", outputs.drops.values.reduce(0, +), to: &command)
        for (reason, number) in outputs.drops.sorted(by: { $0.key < $1.key }) {
            writeCount("dropped:\(reason)", number, to: &command)
        }
        writeCount("out", outputs.out, to: &command)
        if lane.isDoor { writeCount("in", count, to: &command) }
    }

    private func writeFeeds(_ outputs: Outputs, to command: inout RedisCommand) {
        guard !outputs.channels.isEmpty else { return }
        command.append("feeds")
        command.append(limits.historyEvents)
        command.append(limits.feedLifetime)
        command.append(layout.dead(lane))
        command.append(limits.deadLetters)
        command.append(outputs.published.count)
        for event in outputs.published { command.append(event) }
        command.append(outputs.channels.count)
        for (name, events) in outputs.channels {
            command.append(name)
            command.append(events.count)
            for index in events { command.append(index) }
        }
    }

    private func writeLetters(
        _ field: String, _ list: String, _ cap: Int, _ letters: [[UInt8]], to command: inout RedisCommand
    ) {
        guard !letters.isEmpty else { return }
        command.append("letter")
        command.append(field)
        command.append(list)
        command.append(cap)
        command.append(letters.count)
        for letter in letters { command.append(letter) }
    }

    private func writeCount(_ field: String, _ number: Int, to command: inout RedisCommand) {
        guard number > 0 else { return }
        command.append("count")
        command.append(field)
        command.append(number)
    }
}
