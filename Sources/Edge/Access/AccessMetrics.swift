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
        /// A post without token and API key.
        case credentials
        /// A post with a good token that cannot write.
        case writer
        /// A comment that its writer may not send: its channel, or its type.
        case write
        /// An edit key that is none.
        case editKey
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
            case .credentials: "credentials"
            case .writer: "writer"
            case .write: "write"
            case .editKey: "edit_key"
            case .apiRate: "api_rate"
            case .origin: "origin"
            case .host: "host"
            }
        }

        static let all: [Reason] =
            TokenError.allCases.map(Reason.token) + [
                .private, .channel, .apiKey, .credentials, .writer, .write, .editKey, .apiRate, .origin, .host,
            ]
    }

    private var refused: [Reason: Int] = [:]
    private let keys: [String]
    /// Of the key set: how many keys it has, and how often it was read. Nil without one.
    private var keySet: (keys: Int, read: Int, failed: Int)?
    private var accepted: [Int]
    private var limited: [Int]

    /// - Parameters:
    ///   - keys: the names of the API keys.
    ///   - keySet: the number of keys that the key set has at the start; nil when there is none.
    init(keys: [String], keySet: Int? = nil) {
        self.keys = keys
        self.keySet = keySet.map { ($0, 0, 0) }
        accepted = keys.map { _ in 0 }
        limited = accepted
    }

    mutating func refuse(_ reason: Reason) {
        refused[reason, default: 0] += 1
    }

    mutating func read(_ reading: KeySetReading) {
        switch reading {
        case .keys(let keys):
            keySet?.keys = keys.count
            keySet?.read += 1
        case .failed: keySet?.failed += 1
        }
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
        if let keySet {
            text += """
                # HELP tidings_edge_key_set_keys Keys of the key set that tokens are checked with.
                # TYPE tidings_edge_key_set_keys gauge
                tidings_edge_key_set_keys \(keySet.keys)
                # HELP tidings_edge_key_set_reads_total Attempts to read the key set, by outcome. Old keys stay when one fails.
                # TYPE tidings_edge_key_set_reads_total counter
                tidings_edge_key_set_reads_total{outcome="read"} \(keySet.read)
                tidings_edge_key_set_reads_total{outcome="failed"} \(keySet.failed)\n
                """
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
