import Events

/// Decides who may read which channel, who may post, and how much. Called on the loop's thread.
///
/// Reading: public kinds of channel are for everyone; all others need a token that names them. A token is not looked at
/// where none is needed. Posting: with an API key, when there are any, and not from pages of foreign origins.
final class AccessControl {
    private(set) var metrics: AccessMetrics
    private let publicKinds: [[UInt8]]
    private let options: AccessOptions
    private let verifier: TokenVerifier
    /// One for each API key.
    private var limiters: [RateLimiter]
    private let unixClock: () -> Int64
    private let monotonicClock: () -> Int64

    /// - Parameter edge: where reached limits are counted.
    init(
        options: EdgeOptions, edge: EdgeMetrics = EdgeMetrics(),
        unixClock: @escaping () -> Int64 = Clock.unixMilliseconds,
        monotonicClock: @escaping () -> Int64 = Clock.monotonicMilliseconds
    ) {
        publicKinds = options.publicKinds.map { Array($0.utf8) }
        self.options = options.access
        verifier = TokenVerifier(options: options.access, limits: options.limits)
        verifier.onLimit = { edge.reached($0) }
        metrics = AccessMetrics(keys: options.access.apiKeys.map(\.name))
        limiters = options.access.apiKeys.compactMap { _ in
            options.access.apiRate.map { RateLimiter($0, burst: options.access.apiBurst) }
        }
        self.unixClock = unixClock
        self.monotonicClock = monotonicClock
    }

    /// Takes other limits.
    func adopt(limits: EdgeLimits) {
        verifier.adopt(limits: limits)
    }

    /// What a request's origin is to this edge.
    func origin(_ head: RequestHead, of bytes: Span<UInt8>) -> OriginMatch {
        options.origins.match(bytes.extracting(head.origin), host: bytes.extracting(head.host))
    }

    /// Lets a request pass or throws. The request keeps what was found out, and forgets the secrets it came with.
    ///
    /// - Throws: ``HTTPError``: 400 for two tokens at once, 401, 403.
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
            if request.origin == .foreign {
                metrics.refuse(.origin)
                throw HTTPError(.forbidden, "pages of this origin may not post here")
            }
            request.apiKey = try apiKey(credentials)
        case .live, .ready, .metrics, .status, .file, .options: break
        }
    }

    /// Takes comments from what a key may post now.
    ///
    /// - Parameter key: nil: where no keys are, there is no limit.
    /// - Throws: ``HTTPError``: 413 for more than may ever come at once, 429.
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
            .tooManyRequests, "this key has posted as much as it may for now; send the same again later",
            retryAfter: Int((wait + 999) / 1000))
    }

    /// Comments of a key were accepted.
    func accepted(_ comments: Int, of key: Int?) {
        if let key { metrics.accept(comments, key: key) }
    }

    /// When the leave to read these channels ends, on the monotonic clock; nil: never.
    private func expiry(
        reading channels: [String], with credentials: Request.Credentials
    ) throws(HTTPError) -> Int64? {
        let privates = channels.filter { !isPublic($0) }
        if privates.isEmpty { return nil }
        guard !options.tokenKeys.isEmpty else {
            metrics.refuse(.private)
            throw HTTPError(
                .forbidden,
                "private channel: this server has no keys to check tokens with; set edge.tokens.keys, or name the kind "
                    + "in edge.public")
        }
        let now = unixClock()
        let claims: TokenClaims
        do throws(TokenError) {
            claims = try verifier.verify(try token(credentials), now: now)
        } catch {
            metrics.refuse(.token(error))
            throw .unauthorized(error)
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

    /// The kind is what stands before the first colon. Compared byte by byte: what looks like a public kind is none.
    private func isPublic(_ channel: String) -> Bool {
        let kind = channel.utf8.prefix { $0 != UInt8(ascii: ":") }
        return publicKinds.contains { kind.elementsEqual($0) }
    }

    private func apiKey(_ credentials: Request.Credentials) throws(HTTPError) -> Int? {
        guard !options.apiKeys.isEmpty else { return nil }
        let given = credentials.apiKey ?? credentials.bearer
        if let given, given.utf8.count <= APIKey.bytes.upperBound {
            let hash = APIKey.hash(of: given)
            // Every key is compared, whether one has fitted or not.
            var found: Int?
            for (index, key) in options.apiKeys.enumerated() where key.matches(hash: hash) { found = index }
            if let found { return found }
        }
        metrics.refuse(.apiKey)
        throw .unauthorizedKey(isMissing: given == nil)
    }
}

/// Who may read and write at an edge, besides what is public.
public struct AccessOptions: Sendable {
    /// So many in a time.
    public struct Rate: Sendable, Equatable {
        public var count: Int
        public var milliseconds: Int64

        public init(count: Int, milliseconds: Int64) {
            self.count = count
            self.milliseconds = milliseconds
        }
    }

    /// What tokens for private channels are checked with, at most ``maxTokenKeys``. Empty: private channels are refused.
    public var tokenKeys: [TokenKey] = []
    /// Whom tokens must be for; nil: tokens must be for nobody in particular.
    public var audience: String?
    /// What comments are posted with. Empty: anyone may post.
    public var apiKeys: [APIKey] = []
    /// Comments of one key in each process, over time; nil: as many as it likes. More: 429.
    public var apiRate: Rate? = Rate(count: 100, milliseconds: 1000)
    /// Comments of one key at once, after a pause; also the most in one request. More in one request: 413.
    public var apiBurst = 1000
    /// Whose pages may read and post.
    public var origins = AllowedOrigins.any

    public static let maxTokenKeys = 4
    public static let maxAPIKeys = 1000

    public init() {}
}

/// The refusals of access control, each with its challenge (RFC 9110, 11.6.1; RFC 6750, 3).
extension HTTPError {
    private static let realm = "Bearer realm=\"tidings\""

    static func unauthorized(_ reason: TokenError) -> HTTPError {
        var error = HTTPError(.unauthorized, "\(reason.message)")
        // Who has sent no token is told no error.
        error.challenge =
            reason == .missing
            ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(reason.message)\""
        return error
    }

    /// The token is good and does not name the channel.
    static var insufficientScope: HTTPError {
        let message = "private channel: the token gives no leave to read one of these channels"
        var error = HTTPError(.forbidden, message)
        error.challenge = "\(realm), error=\"insufficient_scope\", error_description=\"\(message)\""
        return error
    }

    static func unauthorizedKey(isMissing: Bool) -> HTTPError {
        let message =
            isMissing ? "posting needs an API key, as Authorization: Bearer KEY" : "this API key is not known here"
        var error = HTTPError(.unauthorized, message)
        error.challenge =
            isMissing ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(message)\""
        return error
    }
}
