import Events
import JSON
import Store

/// Who a post is counted for.
enum Poster: Hashable {
    /// The network of a client: an IPv4 address, or an IPv6 /64.
    case network(ClientAddress)
    /// The verified subject of a token, wherever its holder is.
    case subject(String)

    init(_ address: ClientAddress) {
        self = .network(address.countedNetwork)
    }

    /// For messages.
    fileprivate var name: String {
        switch self {
        case .network: "one address"
        case .subject: "one person"
        }
    }
}

/// Admits posts by who sends them: by the address of their client. Posts with an API key have a limit of their own
/// (``AccessControl/take(_:of:)``) and are not asked.
///
/// The numbers are those of one process: the clients of a pool of edges are spread over its processes, so all of them
/// together take up to so many times as much.
final class PostAdmission {
    /// Called at the first post that a proxy on this machine forwards without being trusted: its clients cannot be told
    /// apart, so no limit applies to them.
    var onUnknownProxy: () -> Void = {}

    private var limits: EdgeLimits
    private var limiter: PostLimiter<Poster>
    private let metrics: EdgeMetrics
    private let clock: () -> Int64
    private let parser = JSONParser(maxBytes: 64 << 20)
    private var knowsUnknownProxy = false
    /// Clients that the limiter had forgotten at the last post.
    private var forgotten = 0

    init(
        limits: EdgeLimits, metrics: EdgeMetrics, seed: UInt64,
        clock: @escaping () -> Int64 = Clock.monotonicMilliseconds
    ) {
        self.limits = limits
        self.metrics = metrics
        self.clock = clock
        limiter = PostLimiter(limits: Self.limits(of: limits), seed: seed)
    }

    /// Applies new limits to posts from now on.
    func adopt(limits: EdgeLimits) {
        self.limits = limits
        limiter.adopt(Self.limits(of: limits))
    }

    /// Admits a post or throws.
    ///
    /// - Parameters:
    ///   - comments: how many the body has.
    ///   - poster: nil: nobody knows it, or it is this machine; no limit applies then.
    ///   - isForwarded: whether the request names a client of a proxy that is not trusted.
    ///
    /// - Throws: ``HTTPError``: 413 for more comments, or new conversations, than the limits allow at once; 429.
    func admit(
        _ body: [UInt8], ndjson: Bool, comments: Int, of poster: Poster?, isForwarded: Bool
    ) throws(HTTPError) {
        guard let poster else {
            metrics.postsUnattributed += comments
            if isForwarded, !knowsUnknownProxy {
                knowsUnknownProxy = true
                onUnknownProxy()
            }
            return
        }
        let refusal = limiter.take(comments, of: poster, now: clock()) {
            threads(body, ndjson: ndjson)
        }
        metrics.postersRemembered = limiter.count
        if limiter.forgotten > forgotten {
            forgotten = limiter.forgotten
            metrics.reached(.postClients)
        }
        switch refusal {
        case nil: return
        case .tooManyAtOnce:
            throw HTTPError(
                .contentTooLarge,
                "\(poster.name) may post \(limits.postBurst) comments at once, and to \(limits.threadsPerMinute) "
                    + "conversations; send fewer in one request, or use an API key", limit: .postBurst)
        case .posts(let wait):
            throw Self.tooMany(poster, "\(limits.postsPerMinute) comments", wait, .postsPerMinute)
        case .threads(let wait):
            throw Self.tooMany(
                poster, "to \(limits.threadsPerMinute) conversations that are new to it", wait, .threadsPerMinute)
        }
    }

    private static func tooMany(_ poster: Poster, _ most: String, _ wait: Int64, _ limit: EdgeLimit) -> HTTPError {
        let seconds = Int((wait + 999) / 1000)
        return HTTPError(
            .tooManyRequests,
            "\(poster.name) may post \(most) a minute; send the same request again in \(seconds) s",
            retryAfter: seconds, limit: limit)
    }

    /// The conversations of a body. What is no comment has none: the sink refuses it.
    private func threads(_ body: [UInt8], ndjson: Bool) -> [String] {
        let lines = ndjson ? body.split(separator: UInt8(ascii: "\n")).map(Array.init) : [body]
        return lines.compactMap { (try? parser.parseObject($0)).flatMap(ConversationKey.conversation) }
    }

    private static func limits(of limits: EdgeLimits) -> PostLimiter<Poster>.Limits {
        .init(
            posts: limits.postsPerMinute, burst: limits.postBurst, threads: limits.threadsPerMinute,
            clients: limits.postClients)
    }
}
