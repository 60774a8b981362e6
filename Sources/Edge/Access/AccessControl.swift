import Events
import Signing

/// Decides who may read which channel, who may post, and at which rate. Called on the loop's thread.
///
/// Reading: everyone may read public kinds of channel; all others need a token that names them. A token that is not
/// needed is not checked. Posting is what ``WritePolicy`` says.
final class AccessControl {
    private(set) var metrics: AccessMetrics
    private let publicKinds: [[UInt8]]
    private let options: AccessOptions
    private let policy: WritePolicy
    private let verifier: TokenVerifier
    /// One per API key.
    private var limiters: [RateLimiter]
    private let unixClock: () -> Int64
    private let monotonicClock: () -> Int64

    /// - Parameter edge: counts the limits that were reached.
    init(
        options: EdgeOptions, edge: EdgeMetrics = EdgeMetrics(),
        unixClock: @escaping () -> Int64 = Clock.unixMilliseconds,
        monotonicClock: @escaping () -> Int64 = Clock.monotonicMilliseconds
    ) {
        publicKinds = options.publicKinds.map { Array($0.utf8) }
        self.options = options.access
        policy =
            options.access.write
            ?? .strictest(hasTokenKeys: options.access.hasTokenKeys, hasAPIKeys: !options.access.apiKeys.isEmpty)
        verifier = TokenVerifier(options: options.access, limits: options.limits)
        verifier.onLimit = { edge.reached($0) }
        metrics = AccessMetrics(
            keys: options.access.apiKeys.map(\.name), keySet: options.access.keySet.map { $0.keys?.count ?? 0 })
        limiters = options.access.apiKeys.compactMap { _ in
            options.access.apiRate.map { RateLimiter($0, burst: options.access.apiBurst) }
        }
        self.unixClock = unixClock
        self.monotonicClock = monotonicClock
    }

    /// Called when a token names a key that is not known.
    var onUnknownKey: () -> Void {
        get { verifier.onUnknownKey }
        set { verifier.onUnknownKey = newValue }
    }

    /// Takes what became of reading the key set.
    func adopt(keySet: KeySetReading) {
        metrics.read(keySet)
        if case .keys(let keys) = keySet { verifier.adopt(keySet: keys) }
    }

    /// Applies new limits.
    func adopt(limits: EdgeLimits) {
        verifier.adopt(limits: limits)
    }

    /// Counts a request that was refused elsewhere.
    func refused(_ reason: AccessMetrics.Reason) {
        metrics.refuse(reason)
    }

    /// Classifies the origin of a request.
    func origin(_ head: RequestHead, of bytes: Span<UInt8>) -> OriginMatch {
        options.origins.match(bytes.extracting(head.origin), host: bytes.extracting(head.host))
    }

    /// Admits a request or throws. The result is stored in the request, and its secrets are removed.
    ///
    /// - Throws: ``HTTPError``: 400 for two tokens in one request, 401, 403.
    func admit(_ request: inout Request) throws(HTTPError) {
        let credentials = request.credentials
        request.credentials = Request.Credentials()
        switch request.target {
        case .channel(let query):
            if isPublic(query.channel) { return }
            request.expires = try expiry(reading: [query.channel], with: credentials)
        case .poll(let query), .events(let query):
            request.expires = try expiry(reading: query.items.map(\.channel), with: credentials)
        case .comments:
            request.writer = try writer(credentials)
        case .live, .ready, .metrics, .status, .file, .options: break
        }
    }

    /// Charges comments to the rate limit of a key.
    ///
    /// - Parameter key: nil when no keys are configured: there is no limit then.
    ///
    /// - Throws: ``HTTPError``: 413 for more than the burst allows, 429.
    func take(_ comments: Int, of key: Int?) throws(HTTPError) {
        guard let key, limiters.indices.contains(key) else { return }
        let burst = limiters[key].burst
        guard comments <= burst else {
            metrics.refuse(.apiRate)
            metrics.limit(comments, key: key)
            throw HTTPError(.contentTooLarge, "more than \(burst) comments at once; send fewer in one request")
        }
        guard let wait = limiters[key].take(comments, now: monotonicClock()) else { return }
        metrics.refuse(.apiRate)
        metrics.limit(comments, key: key)
        throw HTTPError(
            .tooManyRequests, "this API key has reached its rate limit; send the same request again later",
            retryAfter: Int((wait + 999) / 1000))
    }

    /// Comments of a key were accepted.
    func accepted(_ comments: Int, of key: Int?) {
        if let key { metrics.accept(comments, key: key) }
    }

    /// When permission to read these channels expires, on the monotonic clock; nil: never.
    private func expiry(
        reading channels: [String], with credentials: Request.Credentials
    ) throws(HTTPError) -> Int64? {
        let privates = channels.filter { !isPublic($0) }
        if privates.isEmpty { return nil }
        guard options.hasTokenKeys else {
            metrics.refuse(.private)
            throw HTTPError(
                .forbidden,
                "private channel: this server has no keys to verify tokens with; set edge.tokens.keys, or list the "
                    + "kind in edge.public")
        }
        let now = unixClock()
        let claims: TokenClaims
        do throws(TokenError) {
            claims = try verifier.verify(try token(credentials), now: now)
            if claims.channels == nil { throw .claims }
        } catch {
            throw refusal(error)
        }
        guard privates.allSatisfy(claims.permits) else {
            metrics.refuse(.channel)
            throw .insufficientScope
        }
        return monotonicClock() + (claims.expires + TokenVerifier.leeway - now)
    }

    private func token(_ credentials: Request.Credentials) throws(TokenError) -> String {
        guard let token = credentials.bearer ?? credentials.accessToken else { throw .missing }
        return token
    }

    /// The kind is the text before the first colon. It is compared byte by byte: a kind that only looks like a public
    /// one is not public.
    private func isPublic(_ channel: String) -> Bool {
        let kind = channel.utf8.prefix { $0 != UInt8(ascii: ":") }
        return publicKinds.contains { kind.elementsEqual($0) }
    }

    private func refusal(_ error: TokenError) -> HTTPError {
        metrics.refuse(.token(error))
        // The client's token may be good: it does not help to get another one.
        if error == .unread { return HTTPError(.serviceUnavailable, "\(error.message)", retryAfter: 1) }
        return .unauthorized(error)
    }

    /// Who posts. What is shown is never ignored: a wrong key or token does not make its holder anonymous.
    private func writer(_ credentials: Request.Credentials) throws(HTTPError) -> CommentWriter {
        if let given = credentials.apiKey ?? credentials.bearer, let key = try apiKey(given) {
            return CommentWriter(.app(apiKey: key))
        }
        if credentials.apiKey == nil, let bearer = credentials.bearer, policy != .key, options.hasTokenKeys {
            return try person(bearer)
        }
        if credentials.apiKey != nil || credentials.bearer != nil {
            metrics.refuse(.apiKey)
            let hasNone = options.apiKeys.isEmpty && !options.hasTokenKeys
            throw .unauthorizedKey(
                hasNone ? "this server knows neither tokens nor API keys: post without one" : "unknown API key")
        }
        guard policy == .open else {
            metrics.refuse(.credentials)
            throw .noCredentials(policy)
        }
        return try anonymous(credentials.editKey)
    }

    /// The index of an API key; nil when it is none.
    private func apiKey(_ given: String) throws(HTTPError) -> Int? {
        guard !options.apiKeys.isEmpty, given.utf8.count <= APIKey.bytes.upperBound else { return nil }
        let hash: [UInt8]
        do throws(SigningError) {
            hash = try APIKey.hash(of: given)
        } catch {
            throw HTTPError(.serviceUnavailable, "API keys cannot be checked: \(error.message)")
        }
        // Always compare with every key, so that the time taken does not tell which one matched.
        var found: Int?
        for (index, key) in options.apiKeys.enumerated() where key.matches(hash: hash) { found = index }
        return found
    }

    private func person(_ token: String) throws(HTTPError) -> CommentWriter {
        let claims: TokenClaims
        do throws(TokenError) {
            claims = try verifier.verify(token, now: unixClock())
        } catch {
            throw refusal(error)
        }
        switch claims.writing {
        case .person(let person): return CommentWriter(.person(person))
        case .unable(let problem):
            metrics.refuse(.writer)
            throw .cannotWrite(problem)
        }
    }

    private func anonymous(_ given: String?) throws(HTTPError) -> CommentWriter {
        guard let key = given.map({ EditKey(parsing: $0) }) ?? EditKey.make() else {
            metrics.refuse(.editKey)
            throw HTTPError(
                .badRequest,
                "an Edit-Key has \(EditKey.characters.lowerBound) to \(EditKey.characters.upperBound) characters of "
                    + "base64url; send the one of an earlier answer, or none to get one")
        }
        do throws(SigningError) {
            return CommentWriter(.anonymous(key, fingerprint: try key.fingerprint()))
        } catch {
            throw HTTPError(.serviceUnavailable, "edit keys cannot be used: \(error.message)")
        }
    }
}

/// Who may read what is not public, and who may post.
public struct AccessOptions: Sendable {
    /// A number per period.
    public struct Rate: Sendable, Equatable {
        public var count: Int
        public var milliseconds: Int64

        public init(count: Int, milliseconds: Int64) {
            self.count = count
            self.milliseconds = milliseconds
        }
    }

    /// Keys that tokens for private channels are checked with, at most ``maxTokenKeys``. Empty: private channels are
    /// refused.
    public var tokenKeys: [TokenKey] = []
    /// Keys that change while the edge runs; nil: there are none.
    public var keySet: KeySetSource?
    /// The audience that tokens must name; nil: tokens must not name one.
    public var audience: String?
    /// The issuer that tokens must name; nil: any.
    public var issuer: String?
    /// Who may post; nil: the strictest policy that the keys can serve.
    public var write: WritePolicy?
    /// Keys that the web app posts with.
    public var apiKeys: [APIKey] = []
    /// Rate of comments per key and process; nil: unlimited. More: 429.
    public var apiRate: Rate? = Rate(count: 100, milliseconds: 1000)
    /// Comments of one key at once after a pause, and in one request. More in one request: 413.
    public var apiBurst = 1000
    /// The origins whose pages may read, and those whose pages may post.
    public var origins = AllowedOrigins.any

    public static let maxTokenKeys = 4
    public static let maxAPIKeys = 1000

    public init() {}

    /// Whether tokens can be checked.
    public var hasTokenKeys: Bool { !tokenKeys.isEmpty || keySet != nil }
}

/// The errors of access control, each with its challenge (RFC 9110, 11.6.1; RFC 6750, 3).
extension HTTPError {
    private static let realm = "Bearer realm=\"tidings\""

    static func unauthorized(_ reason: TokenError) -> HTTPError {
        var error = HTTPError(.unauthorized, "\(reason.message)")
        // RFC 6750, 3.1: a request without a token gets no error code.
        error.challenge =
            reason == .missing
            ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(reason.message)\""
        return error
    }

    /// The token is valid but does not name the channel.
    static var insufficientScope: HTTPError {
        let message = "private channel: the token does not allow reading one of these channels"
        var error = HTTPError(.forbidden, message)
        error.challenge = "\(realm), error=\"insufficient_scope\", error_description=\"\(message)\""
        return error
    }

    /// A key or token that nobody has given out.
    static func unauthorizedKey(_ message: String) -> HTTPError {
        var error = HTTPError(.unauthorized, message)
        error.challenge = "\(realm), error=\"invalid_token\", error_description=\"\(message)\""
        return error
    }

    /// A post that shows nothing.
    static func noCredentials(_ policy: WritePolicy) -> HTTPError {
        let message =
            policy == .token
            ? "posting needs a token of this site, as Authorization: Bearer TOKEN, or an API key"
            : "posting needs an API key, as Authorization: Bearer KEY or X-Api-Key: KEY"
        var error = HTTPError(.unauthorized, message)
        error.challenge = realm
        return error
    }

    /// The token is valid, but nobody can write with it.
    static func cannotWrite(_ problem: WritingClaims.Problem) -> HTTPError {
        var error = HTTPError(.forbidden, "\(problem.message)")
        error.challenge = "\(realm), error=\"insufficient_scope\", error_description=\"\(problem.message)\""
        return error
    }
}
