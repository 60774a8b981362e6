public import JSON
public import Redis
public import Store

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
    /// - Parameters:
    ///   - conversations: those, by partition, that have to be open; see ``conversationToBeOpen(for:by:)``.
    ///   - completion: called once. After code `full` nothing was taken: try again later. After code `closed` nothing was
    ///     taken: one of `conversations` is closed. After code `differs`
    ///     nothing was taken either: greet the pipeline, whose shape has changed, and try again if it is welcome. After
    ///     code `redis` the events may have been taken: trying again is safe while repeats are recognised.
    public func enqueue(
        _ events: [Int: [[UInt8]]], ifOpen conversations: [Int: Set<String>] = [:],
        completion: @escaping (Result<Void, PipelineError>) -> Void
    ) {
        enqueue(EventBatch(events), in: nil, ifOpen: conversations, completion: completion)
    }

    /// The same for a caller that has several calls under way: see ``EnqueueWindow``. After code `skipped` nothing was taken:
    /// a call before this one was not taken either.
    package func enqueue(
        _ events: EventBatch, in turn: EnqueueTurn?, ifOpen conversations: [Int: Set<String>] = [:],
        completion: @escaping (Result<Void, PipelineError>) -> Void
    ) {
        guard let first = layout.stages.first else {
            return completion(
                .failure(PipelineError(.invalid, "the pipeline has no stages; name some in tidings.yaml")))
        }
        connection.call(
            .enqueue(events, in: turn, ifOpen: conversations, for: first, of: layout, limit: limits.queueEvents)
        ) {
            completion(Enqueuer.verdict($0))
        }
    }

    /// The conversation of an event that a closed one would not take: a new comment, or an edit by somebody else than the
    /// web app and moderators. Nil for any other event.
    package static func conversationToBeOpen(for fields: JSONObject, by sender: Sender) -> String? {
        guard let kind = CommentChange.Kind(of: fields),
            !ConversationChange.isTakenWhileClosed(kind, by: sender)
        else { return nil }
        return conversation(of: fields)
    }

    private static func verdict(
        _ result: Result<EnqueueAnswer, RedisError>
    ) -> Result<Void, PipelineError> {
        switch result {
        case .success(.done): return .success(())
        case .success(.full(let queue, let length)):
            return .failure(PipelineError(.full, "\(queue) is full with \(length) events; try again later"))
        case .success(.closed(let conversation)):
            return .failure(
                PipelineError(
                    .closed,
                    "the thread '\(conversation)' is closed to new comments and edits; nothing was taken"))
        case .success(.skipped):
            return .failure(PipelineError(.skipped, "a call before this one was not taken; send both again"))
        case .failure(let error) where error.code == .outOfMemory:
            return .failure(
                PipelineError(.full, "Redis is out of memory; raise maxmemory or try again later", underlying: error))
        case .failure(let error) where error.code == .outdated:
            return .failure(PipelineError(.differs, error.message, underlying: error))
        case .failure(let error):
            return .failure(PipelineError(.redis, error.message, underlying: error))
        }
    }
}
