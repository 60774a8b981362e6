public import Pipeline
import Redis

/// `moderate`: blocked words and patterns, banned authors, limits on links and on an author's rate.
///
/// The banned authors are the members of the Redis set `PIPELINE:banned`, ids or names; an operator edits it with
/// redis-cli (`SADD comments:banned 7`), and it holds from the next batch on. The rate is counted in Redis for all lanes
/// together, in fixed windows of time, under `PIPELINE:rate`; a batch that is run again after a crash counts again.
public final class ModerateStage: Stage {
    private let moderator: Moderator
    private var standings = AuthorStandings(of: [])

    /// - Parameter moderator: the same one may serve all lanes of a worker.
    public init(_ moderator: Moderator) {
        self.moderator = moderator
    }

    /// - Throws: ``CommentsError`` that names the word or pattern that cannot be used.
    public convenience init(_ options: ModerateOptions = ModerateOptions()) throws(CommentsError) {
        self.init(try Moderator(options))
    }

    /// Asks Redis about the authors of the batch: both questions travel in one round trip.
    public func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        standings = AuthorStandings(of: batch)
        typealias Question = (command: RedisCommand, take: (Result<RedisValue, RedisError>) -> StageError?)
        var questions: [Question] = []
        if let command = bannedCommand(pipeline: context.pipeline) { questions.append((command, takeBanned)) }
        if let command = rateCommand(pipeline: context.pipeline) { questions.append((command, takeCounts)) }

        var waiting = questions.count
        guard waiting > 0 else { return ready(nil) }
        var failure: StageError?
        for (command, take) in questions {
            context.redis.send(command) { reply in
                let error = take(reply)
                failure = failure ?? error
                waiting -= 1
                if waiting == 0 { ready(failure) }
            }
        }
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        moderator.decide(event, standing: standings.standing(of: event.fields))
    }

    private func bannedCommand(pipeline: String) -> RedisCommand? {
        guard !standings.labels.isEmpty else { return nil }
        var command = RedisCommand("SMISMEMBER", "\(pipeline):banned")
        for label in standings.labels { command.append(label) }
        return command
    }

    private func rateCommand(pipeline: String) -> RedisCommand? {
        guard let rate = moderator.options.authorRate, !standings.accounts.isEmpty else { return nil }
        var command = RedisCommand("FCALL", "tidings_rate", "1", "\(pipeline):rate")
        command.append(Int64(rate.seconds) * 1000)
        for (account, comments) in standings.accounts {
            command.append(account)
            command.append(comments)
        }
        return command
    }

    private func takeBanned(_ reply: Result<RedisValue, RedisError>) -> StageError? {
        switch reply {
        case .success(let value):
            standings.setBanned((value.array ?? []).map { $0.integer == 1 })
            return nil
        case .failure(let error):
            return StageError("the set of banned authors cannot be read: \(error)")
        }
    }

    private func takeCounts(_ reply: Result<RedisValue, RedisError>) -> StageError? {
        switch reply {
        case .success(let value):
            standings.setCounts((value.array ?? []).map { $0.integer ?? 0 })
            return nil
        case .failure(let error):
            return StageError("the authors' comments cannot be counted: \(error)")
        }
    }
}
