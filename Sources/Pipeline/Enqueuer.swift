public import JSON
public import Redis

/// Puts events into the first stage's queues: what `POST /v1/comments` and `tidings enqueue` do.
public final class Enqueuer {
    private let layout: PipelineLayout
    private let limits: PipelineLimits
    private let connection: RedisConnection

    public init(layout: PipelineLayout, limits: PipelineLimits, connection: RedisConnection) {
        self.layout = layout
        self.limits = limits
        self.connection = connection
    }

    /// The conversation an event belongs to (`thread`, text or integer); nil when it names none.
    public static func conversation(of fields: JSONObject) -> String? {
        ConversationKey.conversation(of: fields)
    }

    /// Puts events into the first queues of their partitions, each partition's in their order, all of them or none.
    ///
    /// - Parameter completion: called once. With code `full` nothing was taken: try again later. With code `redis` the
    ///   events may have been taken: the same again is safe as long as repeats are recognised.
    public func enqueue(
        _ events: [Int: [[UInt8]]], completion: @escaping (Result<Void, PipelineError>) -> Void
    ) {
        guard let first = layout.stages.first else {
            return completion(
                .failure(PipelineError(.invalid, "the pipeline has no stages; name some in tidings.yaml")))
        }
        let groups = events.sorted { $0.key < $1.key }
        var command = RedisCommand("FCALL", "tidings_enqueue", String(groups.count * 2))
        for (partition, _) in groups {
            let lane = LaneID(stage: first, partition: partition)
            command.append(layout.queue(lane))
            command.append(layout.lane(lane))
        }
        command.append(limits.queueEvents)
        for (_, batch) in groups {
            command.append(batch.count)
            for event in batch { command.append(event) }
        }
        connection.send(command) { completion(Enqueuer.verdict($0)) }
    }

    private static func verdict(
        _ result: Result<RedisValue, RedisError>
    ) -> Result<Void, PipelineError> {
        switch result {
        case .success(let value):
            guard value.array?.first?.text == "OK" else {
                let queue = value.array?.dropFirst().first?.text ?? "the queue"
                let length = value.array?.last?.integer ?? 0
                return .failure(PipelineError(.full, "\(queue) is full with \(length) events; try again later"))
            }
            return .success(())
        case .failure(let error) where error.code == .outOfMemory:
            return .failure(
                PipelineError(.full, "Redis is out of memory; raise maxmemory or try again later", underlying: error))
        case .failure(let error):
            return .failure(PipelineError(.redis, error.message, underlying: error))
        }
    }
}
