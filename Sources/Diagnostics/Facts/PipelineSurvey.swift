import JSON
import Pipeline
import Redis
import Store

/// Reads the keys of a pipeline. Writes nothing.
///
/// It reads each partition in one transaction: a commit changes a lane's counters and its queue together, so all that is
/// told of a lane belongs to one moment.
struct PipelineSurvey {
    /// The pipeline at one moment.
    struct Look {
        var pipeline: PipelineFacts
        var partitions: [KeyFacts.Partition] = []
        var foreignKeys: [ForeignKey] = []
    }

    let client: BlockingRedis
    let expected: PipelineLayout
    let limits: PipelineLimits
    private let parser = JSONParser(maxBytes: 16 << 20)

    init(client: BlockingRedis, expected: PipelineLayout, limits: PipelineLimits) {
        self.client = client
        self.expected = expected
        self.limits = limits
    }

    /// The shape that is examined, from the hash `NAME:config`; the expected one where that says nothing usable.
    static func layout(_ config: [String: String], expected: PipelineLayout) -> PipelineLayout {
        let stages = (config["stages"] ?? "").split(separator: ",").map(String.init)
        guard let partitions = config["partitions"].flatMap({ Int($0) }), (1...1024).contains(partitions),
            !stages.isEmpty
        else { return expected }
        return PipelineLayout(name: expected.name, partitions: partitions, stages: stages)
    }

    /// - Returns: the pipeline; how it was some seconds before, when it was looked at twice; and its keys, but for those
    ///   that only a walk through the key space finds.
    func facts() throws -> (PipelineFacts, earlier: PipelineFacts?, KeyFacts) {
        let configKey = "\(expected.name):config"
        let config = try client.transactions([[RedisCommand("HGETALL", configKey)]])[0][0]
        let layout = PipelineSurvey.layout(config.pairs, expected: expected)
        var look = try look(layout)
        var earlier: PipelineFacts?
        // Workers hand a lane over in a moment, and share lanes out within two heartbeats: only what lasts is a finding.
        for _ in 0..<5 where isSettling(look.pipeline) {
            earlier = earlier ?? look.pipeline
            client.pause(milliseconds: 1000)
            look = try self.look(layout)
        }
        var foreign = look.foreignKeys
        if config.isWrongType { foreign.append(ForeignKey(key: configKey, expected: "hash")) }
        for key in ["\(expected.name):banned", "feeds"] {
            if try client.transactions([[RedisCommand("SCARD", key)]])[0][0].isWrongType {
                foreign.append(ForeignKey(key: key, expected: "set"))
            }
        }
        let keys = KeyFacts(
            expected: expected, config: config.pairs, partitions: look.partitions, foreignKeys: try typed(foreign))
        return (look.pipeline, earlier, keys)
    }

    /// Finds out which type foreign keys have.
    func typed(_ foreign: [ForeignKey]) throws -> [ForeignKey] {
        var known: Set<String> = []
        let unique = foreign.filter { known.insert($0.key).inserted }
        let types = try client.results(of: unique.map { RedisCommand("TYPE", $0.key) })
        return zip(unique, types).map { foreign, type in
            var foreign = foreign
            if let text = (try? type.get())?.text { foreign.actual = text }
            return foreign
        }
    }

    /// Whether a lane has no live owner although a worker runs that may take it.
    private func isSettling(_ pipeline: PipelineFacts) -> Bool {
        let lease = max(limits.lease, Heartbeat.lifetime)
        guard pipeline.living(within: lease).contains(where: \.isWorker) else { return false }
        let heard = pipeline.heard(within: lease)
        return pipeline.lanes.contains { lane in
            lane.owner.map { !heard.contains($0) && lane.deadline < lane.time } ?? true
        }
    }

    private func look(_ layout: PipelineLayout) throws -> Look {
        var look = Look(pipeline: PipelineFacts(layout: layout))
        try readProcesses(into: &look)
        try readFormer(into: &look)
        for partition in [nil] + (0..<layout.partitions).map(Optional.some) { try read(partition, into: &look) }
        return look
    }

    private func readProcesses(into look: inout Look) throws {
        let key = look.pipeline.layout.processes
        let values = try client.transactions([
            [RedisCommand("TIME"), RedisCommand("ZRANGE", key, "0", "-1", "WITHSCORES")]
        ])[0]
        look.pipeline.time = ServerSurvey.milliseconds(values[0]) ?? 0
        if values[1].isWrongType { look.foreignKeys.append(ForeignKey(key: key, expected: "zset")) }
        let words = (values[1].array ?? []).map { $0.text ?? "" }
        let beats = stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], Int64(Double(words[$0 + 1]) ?? 0)) }
        let hashes = try client.results(of: beats.map { RedisCommand("HGETALL", "\(expected.name):proc:\($0.0)") })
        look.pipeline.processes = zip(beats, hashes).map { beat, hash in
            ProcessFacts(id: beat.0, beat: beat.1, fields: (try? hash.get())?.pairs ?? [:])
        }
    }

    /// Reads how many letters lanes of former shapes have.
    private func readFormer(into look: inout Look) throws {
        let layout = look.pipeline.layout
        let names = try client.transactions([[RedisCommand("SMEMBERS", layout.former)]])[0][0]
        if names.isWrongType { look.foreignKeys.append(ForeignKey(key: layout.former, expected: "set")) }
        let lanes = (names.array ?? []).compactMap { $0.text.flatMap(PipelineLayout.formerLane) }
            .filter { !layout.contains($0) }
        let commands = lanes.flatMap { [RedisCommand("LLEN", layout.dead($0)), RedisCommand("LLEN", layout.held($0))] }
        let lengths = try client.results(of: commands).map { (try? $0.get())?.integer ?? 0 }
        look.pipeline.former = lanes.enumerated().map { index, lane in
            FormerLane(id: lane, deadLetters: lengths[index * 2], heldEvents: lengths[index * 2 + 1])
        }
        .filter { $0.deadLetters + $0.heldEvents > 0 }
    }

    /// Reads a partition, or the open door, which belongs to none.
    private func read(_ partition: Int?, into look: inout Look) throws {
        let layout = look.pipeline.layout
        let lanes = layout.lanes.filter { $0.partition == partition }
        let laneCommands = lanes.map { PipelineSurvey.commands($0, layout) }
        let ownCommands = partition.map { PipelineSurvey.commands(partition: $0, layout) } ?? []
        let replies = try client.transactions([[RedisCommand("TIME")] + laneCommands.flatMap(\.self) + ownCommands])[0]
        let time = ServerSurvey.milliseconds(replies[0]) ?? 0
        var rest = replies.dropFirst()
        for (lane, commands) in zip(lanes, laneCommands) {
            add(lane, Array(rest.prefix(commands.count)), at: time, to: &look)
            rest = rest.dropFirst(commands.count)
        }
        if let partition { add(partition, Array(rest), to: &look) }
    }

    private static func commands(_ lane: LaneID, _ layout: PipelineLayout) -> [RedisCommand] {
        [
            RedisCommand("HGETALL", layout.lane(lane)), RedisCommand("LLEN", layout.queue(lane)),
            RedisCommand("LLEN", layout.dead(lane)), RedisCommand("LLEN", layout.held(lane)),
            RedisCommand("LINDEX", layout.queue(lane), "0"),
        ]
    }

    private func add(_ lane: LaneID, _ replies: [RedisValue], at time: Int64, to look: inout Look) {
        let layout = look.pipeline.layout
        let keys = [
            (layout.lane(lane), "hash"), (layout.queue(lane), "list"), (layout.dead(lane), "list"),
            (layout.held(lane), "list"),
        ]
        for (reply, (key, type)) in zip(replies, keys) where reply.isWrongType {
            look.foreignKeys.append(ForeignKey(key: key, expected: type))
        }
        look.pipeline.lanes.append(
            LaneFacts(
                id: lane, fields: replies[0].pairs, waiting: replies[1].integer ?? 0,
                oldest: lane.isIncoming ? nil : age(ofEvent: replies[4], at: time),
                deadLetters: replies[2].integer ?? 0, heldEvents: replies[3].integer ?? 0, time: time))
    }

    /// How long an event has been on its way, in ms; nil until a stage has stamped it.
    private func age(ofEvent value: RedisValue, at time: Int64) -> Int64? {
        guard let bytes = value.bytes, let event = try? parser.parseObject(bytes),
            let received = event["received_at"]?.int
        else { return nil }
        return max(0, time - received)
    }

    private static func seenKeys(_ partition: Int, _ layout: PipelineLayout) -> [String] {
        ["new", "old"].map { "\(layout.seen(partition)):\($0)" }
    }

    private static func epochKey(_ partition: Int, _ layout: PipelineLayout) -> String {
        "\(layout.prefix(partition)):epoch"
    }

    private static func commands(partition: Int, _ layout: PipelineLayout) -> [RedisCommand] {
        seenKeys(partition, layout).flatMap { [RedisCommand("SCARD", $0), RedisCommand("PTTL", $0)] }
            + [RedisCommand("HGETALL", epochKey(partition, layout)), RedisCommand("HLEN", layout.closed(partition))]
    }

    private func add(_ partition: Int, _ replies: [RedisValue], to look: inout Look) {
        let layout = look.pipeline.layout
        let seen = PipelineSurvey.seenKeys(partition, layout).enumerated().map { index, key in
            if replies[index * 2].isWrongType { look.foreignKeys.append(ForeignKey(key: key, expected: "set")) }
            return KeyFacts.SeenSet(
                key: key, count: replies[index * 2].integer ?? 0, expires: replies[index * 2 + 1].integer != -1)
        }
        if replies[4].isWrongType {
            look.foreignKeys.append(ForeignKey(key: PipelineSurvey.epochKey(partition, layout), expected: "hash"))
        }
        if replies[5].isWrongType {
            look.foreignKeys.append(ForeignKey(key: layout.closed(partition), expected: "hash"))
        }
        let epoch = replies[4].pairs
        look.partitions.append(
            KeyFacts.Partition(
                number: partition, epoch: epoch["number"].flatMap { Int64($0) }, runID: epoch["run_id"], seen: seen))
    }
}
