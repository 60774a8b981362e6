public import Pipeline
import Redis
import Signing
import Store

/// The options of the stage `moderate`.
public struct ModerateOptions: Sendable {
    /// How many comments of one author pass in a window of time.
    public struct Rate: Sendable, Equatable {
        public var count: Int
        public var seconds: Int

        public init(count: Int = 30, seconds: Int = 60) {
            self.count = count
            self.seconds = seconds
        }
    }

    /// Words that no comment may contain: whole words, ignoring case. An entry may be several words with spaces.
    public var blockedWords: [String]
    /// Patterns in RE2's syntax that must not match anywhere in a comment. They are applied to the folded text: each
    /// run of white space is one space, invisible characters are removed, full-width letters are ASCII. Case counts
    /// unless a pattern begins with `(?i)`.
    public var blockedPatterns: [String]
    /// The most links that a text may have; nil: any number.
    public var maxLinks: Int?
    /// The rate limit of each author; nil: none.
    public var authorRate: Rate?
    /// Whether suspicious events are held for a person to decide (true) or dropped (false).
    public var hold: Bool

    public init(
        blockedWords: [String] = [], blockedPatterns: [String] = [], maxLinks: Int? = 3, authorRate: Rate? = Rate(),
        hold: Bool = true
    ) {
        self.blockedWords = blockedWords
        self.blockedPatterns = blockedPatterns
        self.maxLinks = maxLinks
        self.authorRate = authorRate
        self.hold = hold
    }
}

/// `moderate`: blocked words and patterns, banned authors, limits on links and on an author's rate.
///
/// The banned authors are the members of the Redis set `PIPELINE:banned`, ids or names. An operator edits it with
/// redis-cli (`SADD comments:banned 7`); a change takes effect with the next batch. The rate is counted in Redis for
/// all lanes together, in fixed windows of time, under `PIPELINE:rate`. Each comment is identified by a hash of its
/// bytes, so a batch that runs again, after a crash or a failure, is not counted twice.
public final class ModerateStage: Stage {
    private let moderator: Moderator
    private var standings = AuthorStandings()

    /// - Parameter moderator: all lanes of a worker may share one.
    public init(_ moderator: Moderator) {
        self.moderator = moderator
    }

    /// - Throws: ``CommentsError`` that names the word or pattern that cannot be used.
    public convenience init(_ options: ModerateOptions = ModerateOptions()) throws(CommentsError) {
        self.init(try Moderator(options))
    }

    /// Asks Redis about the authors of the batch: both commands take one round trip.
    public func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        do throws(SigningError) {
            standings = try AuthorStandings(of: batch, isCounting: moderator.options.authorRate != nil)
        } catch {
            return ready(StageError(error.message))
        }
        let banned = bannedCommand(pipeline: context.pipeline)
        let rate = rateCall(pipeline: context.pipeline)
        var waiting = (banned == nil ? 0 : 1) + (rate == nil ? 0 : 1)
        guard waiting > 0 else { return ready(nil) }
        var failure: StageError?
        func took(_ error: StageError?) {
            failure = failure ?? error
            waiting -= 1
            if waiting == 0 { ready(failure) }
        }
        if let banned { context.redis.send(banned) { took(self.takeBanned($0)) } }
        if let rate { context.redis.call(rate) { took(self.takeExcesses($0)) } }
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        moderator.decide(event, standing: standings.standing(of: event))
    }

    private func bannedCommand(pipeline: String) -> RedisCommand? {
        guard !standings.labels.isEmpty else { return nil }
        var command = RedisCommand("SMISMEMBER", "\(pipeline):banned")
        for label in standings.labels { command.append(label) }
        return command
    }

    private func rateCall(pipeline: String) -> FunctionCall<[Bool]>? {
        guard let rate = moderator.options.authorRate, !standings.counted.isEmpty else { return nil }
        return .rate(
            pipeline: pipeline, window: Int64(rate.seconds) * 1000, limit: rate.count, standings.counted)
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

    private func takeExcesses(_ reply: Result<[Bool], RedisError>) -> StageError? {
        switch reply {
        case .success(let excesses):
            standings.setExcesses(excesses)
            return nil
        case .failure(let error):
            return StageError("the authors' comments cannot be counted: \(error)")
        }
    }
}
