import Pipeline
import Redis
import Store

/// Reads the keys of a pipeline. Writes nothing.
///
/// Lanes are read partition by partition, each in one transaction: a commit changes a lane's counters and its queue
/// together, so what belongs to one lane belongs to one moment.
struct PipelineSurvey {
    let client: BlockingRedis
    let expected: PipelineLayout
    let limits: PipelineLimits

    /// The shape that is looked at, from the hash `NAME:config`; the expected one where that says nothing usable.
    static func layout(_ config: [String: String], expected: PipelineLayout) -> PipelineLayout {
        let stages = (config["stages"] ?? "").split(separator: ",").map(String.init)
        guard let partitions = config["partitions"].flatMap({ Int($0) }), (1...1024).contains(partitions),
            !stages.isEmpty
        else { return expected }
        return PipelineLayout(name: expected.name, partitions: partitions, stages: stages)
    }

    func facts() throws -> PipelineFacts {
        let configKey = expected.config
        let config = try client.transactions([[RedisCommand("HGETALL", configKey)]])[0][0]
        var facts = PipelineFacts(layout: PipelineSurvey.layout(config.pairs, expected: expected), config: config.pairs)
        var foreign: [(key: String, expected: String)] = []
        if config.isWrongType { foreign.append((configKey, "hash")) }
        try readProcesses(into: &facts, &foreign)
        try readLanes(into: &facts, &foreign)
        // A lane changes hands in a moment, and lanes settle within two heartbeats: only what stays is worth a word.
        for _ in 0..<5 where isSettling(facts) {
            client.pause(milliseconds: 1000)
            try readProcesses(into: &facts, &foreign)
            try readLanes(into: &facts, &foreign)
        }
        for key in ["\(expected.name):banned", "feeds"] {
            if try client.transactions([[RedisCommand("SCARD", key)]])[0][0].isWrongType {
                foreign.append((key, "set"))
            }
        }
        facts.foreignKeys = try name(foreign)
        return facts
    }

    /// Finds out what keys of another type hold.
    func name(_ foreign: [(key: String, expected: String)]) throws -> [PipelineFacts.ForeignKey] {
        var known: Set<String> = []
        let unique = foreign.filter { known.insert($0.key).inserted }
        let types = try client.results(of: unique.map { RedisCommand("TYPE", $0.key) })
        return zip(unique, types).map { entry, type in
            PipelineFacts.ForeignKey(
                key: entry.key, expected: entry.expected, actual: (try? type.get())?.text ?? "value of another type")
        }
    }

    private func isSettling(_ facts: PipelineFacts) -> Bool {
        let lease = max(limits.lease, Heartbeat.lifetime)
        guard facts.living(within: lease).contains(where: \.isWorker) else { return false }
        let heard = facts.heard(within: lease)
        return facts.lanes.contains { lane in
            lane.owner.map { !heard.contains($0) && lane.deadline < lane.time } ?? true
        }
    }

    private func readProcesses(
        into facts: inout PipelineFacts, _ foreign: inout [(key: String, expected: String)]
    ) throws {
        let key = "\(expected.name):procs"
        let values = try client.transactions([
            [RedisCommand("TIME"), RedisCommand("ZRANGE", key, "0", "-1", "WITHSCORES")]
        ])[0]
        facts.time = ServerSurvey.milliseconds(values[0]) ?? 0
        if values[1].isWrongType { foreign.append((key, "zset")) }
        let beats = (values[1].array ?? []).map { $0.text ?? "" }
        let ids = stride(from: 0, to: beats.count - 1, by: 2).map { (beats[$0], Int64(Double(beats[$0 + 1]) ?? 0)) }
        let hashes = try client.results(of: ids.map { RedisCommand("HGETALL", "\(expected.name):proc:\($0.0)") })
        facts.processes = zip(ids, hashes).map { id, hash in
            ProcessFacts(id: id.0, beat: id.1, fields: (try? hash.get())?.pairs ?? [:])
        }
    }

    private func readLanes(
        into facts: inout PipelineFacts, _ foreign: inout [(key: String, expected: String)]
    ) throws {
        facts.lanes = []
        facts.partitions = []
        let layout = facts.layout
        for partition in [nil] + (0..<layout.partitions).map(Optional.some) {
            let lanes = layout.lanes.filter { $0.partition == partition }
            var commands = [RedisCommand("TIME")]
            for lane in lanes {
                commands += [
                    RedisCommand("HGETALL", layout.lane(lane)), RedisCommand("LLEN", layout.queue(lane)),
                    RedisCommand("LLEN", layout.dead(lane)), RedisCommand("LLEN", layout.held(lane)),
                ]
            }
            let seen = ["new", "old"].map { "\(layout.seen(partition)):\($0)" }
            let epoch = "\(layout.prefix(partition)):epoch"
            if partition != nil {
                commands += seen.flatMap { [RedisCommand("SCARD", $0), RedisCommand("PTTL", $0)] }
                commands.append(RedisCommand("HGETALL", epoch))
            }
            let values = try client.transactions([commands])[0]
            let time = ServerSurvey.milliseconds(values[0]) ?? 0
            for (index, lane) in lanes.enumerated() {
                let own = Array(values[(1 + index * 4)..<(5 + index * 4)])
                let keys = [
                    (layout.lane(lane), "hash"), (layout.queue(lane), "list"), (layout.dead(lane), "list"),
                    (layout.held(lane), "list"),
                ]
                for (value, key) in zip(own, keys) where value.isWrongType { foreign.append(key) }
                facts.lanes.append(
                    LaneFacts(
                        id: lane, fields: own[0].pairs, waiting: own[1].integer ?? 0, deadLetters: own[2].integer ?? 0,
                        heldEvents: own[3].integer ?? 0, time: time))
            }
            guard let partition else { continue }
            let rest = Array(values[(1 + lanes.count * 4)...])
            for (index, key) in seen.enumerated() where rest[index * 2].isWrongType { foreign.append((key, "set")) }
            if rest[4].isWrongType { foreign.append((epoch, "hash")) }
            let hash = rest[4].pairs
            facts.partitions.append(
                PipelineFacts.Partition(
                    number: partition, epoch: hash["number"].flatMap { Int64($0) }, runID: hash["run_id"],
                    seen: seen.enumerated().map { index, key in
                        PipelineFacts.Seen(
                            key: key, count: rest[index * 2].integer ?? 0, expires: rest[index * 2 + 1].integer != -1)
                    }))
        }
    }
}
