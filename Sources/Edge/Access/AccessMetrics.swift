/// Counters of access control. No label contains anything that a client has sent.
struct AccessMetrics {
    /// Why a request was refused.
    enum Reason: Hashable {
        case token(TokenError)
        /// A private channel, and no key is configured to check tokens with.
        case `private`
        /// A private channel that the token does not name.
        case channel
        case apiKey
        case apiRate
        case origin
        /// The host is not the edge's own, or nobody has said so.
        case host

        var label: String {
            switch self {
            case .token(let error): "token_\(error.rawValue)"
            case .private: "private"
            case .channel: "channel"
            case .apiKey: "api_key"
            case .apiRate: "api_rate"
            case .origin: "origin"
            case .host: "host"
            }
        }

        static let all: [Reason] =
            TokenError.allCases.map(Reason.token) + [.private, .channel, .apiKey, .apiRate, .origin, .host]
    }

    private var refused: [Reason: Int] = [:]
    private let keys: [String]
    private var accepted: [Int]
    private var limited: [Int]

    /// - Parameter keys: the names of the API keys.
    init(keys: [String]) {
        self.keys = keys
        accepted = keys.map { _ in 0 }
        limited = accepted
    }

    mutating func refuse(_ reason: Reason) {
        refused[reason, default: 0] += 1
    }

    /// Comments were posted with a key.
    mutating func accept(_ comments: Int, key: Int) {
        accepted[key] += comments
    }

    /// Comments were refused because the key was over its rate.
    mutating func limit(_ comments: Int, key: Int) {
        limited[key] += comments
    }

    /// The metrics in Prometheus' text format. Every reason is listed from the start, since a rate needs a first value.
    var text: String {
        var text = """
            # HELP tidings_edge_requests_refused_total Requests refused by access control, by reason.
            # TYPE tidings_edge_requests_refused_total counter\n
            """
        for reason in Reason.all {
            text += "tidings_edge_requests_refused_total{reason=\"\(reason.label)\"} \(refused[reason] ?? 0)\n"
        }
        guard !keys.isEmpty else { return text }
        text += """
            # HELP tidings_edge_api_comments_total Comments posted with an API key, by outcome.
            # TYPE tidings_edge_api_comments_total counter\n
            """
        for (index, name) in keys.enumerated() {
            text += "tidings_edge_api_comments_total{key=\"\(name)\",outcome=\"accepted\"} \(accepted[index])\n"
            text += "tidings_edge_api_comments_total{key=\"\(name)\",outcome=\"limited\"} \(limited[index])\n"
        }
        return text
    }
}
