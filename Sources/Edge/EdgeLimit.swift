/// A limit of an edge under its public name. The name is the key below `edge.limits` in tidings.yaml and the label in
/// metrics; with dashes it is the flag, in capitals the environment variable.
///
/// ``declaration`` says everything about a limit except its default, which ``EdgeLimits`` has. A limit added there must
/// be added here.
public enum EdgeLimit: String, CaseIterable, Sendable {
    case maxConnections = "max_connections"
    case spareConnections = "spare_connections"
    case connectionsPerAddress = "connections_per_address"
    case acceptRate = "accept_rate"
    case headerBytes = "header_bytes"
    case headerFields = "header_fields"
    case urlBytes = "url_bytes"
    case bodyBytes = "body_bytes"
    case batchBytes = "batch_bytes"
    case commentsPerPost = "comments_per_post"
    case postedBytes = "posted_bytes"
    case bufferBytes = "buffer_bytes"
    case postsPerMinute = "posts_per_minute"
    case postBurst = "post_burst"
    case threadsPerMinute = "threads_per_minute"
    case postClients = "post_clients"
    case tokenBytes = "token_bytes"
    case tokenChannels = "token_channels"
    case channelsPerPoll = "channels_per_poll"
    case channelNameBytes = "channel_name_bytes"
    case maxChannels = "max_channels"
    case loadsAtOnce = "loads_at_once"
    case ringEvents = "ring_events"
    case ringBytes = "ring_bytes"
    case ringBytesTotal = "ring_bytes_total"
    case answerBytes = "answer_bytes"
    case pipelineBytes = "pipeline_bytes"
    case headerTimeout = "header_timeout"
    case bodyTimeout = "body_timeout"
    case idleTimeout = "idle_timeout"
    case writeTimeout = "write_timeout"
    case answerTimeout = "answer_timeout"
    case lingerTimeout = "linger_timeout"
    case postTimeout = "post_timeout"
    case loadTimeout = "load_timeout"
    case channelLinger = "channel_linger"
    case streamTimeout = "stream_timeout"
    case heartbeat = "heartbeat"
    case streamRetry = "stream_retry"

    /// The name in tidings.yaml and in metrics.
    public var name: String { rawValue }

    /// The limit's value: a number, bytes or milliseconds.
    public func value(in limits: EdgeLimits) -> Int {
        switch declaration.field {
        case .number(let path), .bytes(let path): limits[keyPath: path]
        case .time(let path): Int(limits[keyPath: path])
        }
    }

    /// Sets the limit's value, which must be in the declared range.
    public func set(_ value: Int, in limits: inout EdgeLimits) {
        switch declaration.field {
        case .number(let path), .bytes(let path): limits[keyPath: path] = value
        case .time(let path): limits[keyPath: path] = Int64(value)
        }
    }

    /// Which property holds the limit, its range, and what it bounds.
    public var declaration: EdgeLimitDeclaration {
        switch self {
        case .maxConnections:
            .number(\.maxConnections, 1...10_000_000, "Open connections of one process; more: 503")
        case .spareConnections:
            .number(
                \.spareConnections, 0...1_000_000,
                "Connections beyond the limits that get an error in answer to a request")
        case .connectionsPerAddress:
            .number(
                \.connectionsPerAddress, 0...10_000_000,
                "Connections of one address, or IPv6 /64, to one process; more: 429; 0: unlimited")
        case .acceptRate:
            .number(
                \.acceptRate, 0...10_000_000,
                "New connections per second of one process; more wait; 0: unlimited")
        case .headerBytes: .bytes(\.headerBytes, 256...1 << 20, "Size of a request's head; more: 431")
        case .headerFields: .number(\.headerFields, 8...10_000, "Fields of a request's head; more: 431")
        case .urlBytes: .bytes(\.urlBytes, 64...65_536, "Size of a request's target; more: 414")
        case .bodyBytes: .bytes(\.bodyBytes, 256...16 << 20, "Size of a body with one comment; more: 413")
        case .batchBytes:
            .bytes(\.batchBytes, 256...64 << 20, "Size of a body with many comments, one a line; more: 413")
        case .commentsPerPost: .number(\.commentsPerPost, 1...1_000_000, "Comments in one body; more: 413")
        case .postedBytes:
            .bytes(\.postedBytes, 65_536...1 << 36, "Size of all posts that Redis has not confirmed; more: 503")
        case .bufferBytes:
            .bytes(
                \.bufferBytes, 4 << 20...1 << 40,
                "Memory for incomplete requests and unsent answers; beyond: 503, or the longest blocked answer is cut")
        case .postsPerMinute:
            .number(
                \.postsPerMinute, 0...10_000_000,
                "Comments a minute of one address, or IPv6 /64, to one process; more: 429; 0: unlimited")
        case .postBurst:
            .number(\.postBurst, 1...1_000_000, "Comments of one address at once; more in one request: 413")
        case .threadsPerMinute:
            .number(
                \.threadsPerMinute, 0...10_000_000,
                "Conversations a minute that one address has not written to lately; more: 429; 0: unlimited")
        case .postClients:
            .number(\.postClients, 16...10_000_000, "Addresses that the limits of posts are remembered for")
        case .tokenBytes: .bytes(\.tokenBytes, 256...65_536, "Size of a token; more: 401")
        case .tokenChannels: .number(\.tokenChannels, 1...10_000, "Channels and patterns in one token; more: 401")
        case .channelsPerPoll: .number(\.channelsPerPoll, 1...1000, "Channels in one poll or stream; more: 400")
        case .channelNameBytes: .bytes(\.channelNameBytes, 1...256, "Size of a channel's name; more: 400")
        case .maxChannels:
            .number(\.maxChannels, 1...10_000_000, "Channels at once; beyond: the longest idle one is dropped, or 503")
        case .loadsAtOnce: .number(\.loadsAtOnce, 1...10_000, "Histories loaded at the same time; the others wait")
        case .ringEvents: .number(\.ringEvents, 1...1_000_000, "Recent events of a channel kept in memory")
        case .ringBytes: .bytes(\.ringBytes, 1024...1 << 30, "Size of a channel's recent events in memory")
        case .ringBytesTotal:
            .bytes(\.ringBytesTotal, 65_536...1 << 40, "Size of all channels' recent events in memory")
        case .answerBytes: .bytes(\.answerBytes, 1024...64 << 20, "Size of one answer; the rest comes with the next")
        case .pipelineBytes:
            .bytes(\.pipelineBytes, 1024...1 << 20, "Size of the input buffered while a request is answered")
        case .headerTimeout: .time(\.headerTimeout, 1000...3_600_000, "Time for a request's head to arrive; later: 408")
        case .bodyTimeout: .time(\.bodyTimeout, 1000...3_600_000, "Time for a request's body to arrive; later: 408")
        case .idleTimeout: .time(\.idleTimeout, 1000...86_400_000, "Time between two requests of a connection")
        case .writeTimeout:
            .time(\.writeTimeout, 1000...3_600_000, "Time without progress while an answer is sent")
        case .answerTimeout: .time(\.answerTimeout, 1000...86_400_000, "Time for a whole answer to be sent")
        case .lingerTimeout:
            .time(\.lingerTimeout, 100...60_000, "Time for a refused client to receive its last answer")
        case .postTimeout: .time(\.postTimeout, 1000...300_000, "Time for Redis to store posted comments; later: 503")
        case .loadTimeout:
            .time(
                \.loadTimeout, 100...300_000,
                "Time to load a channel's history, for requests that are not long polls; later: 503")
        case .channelLinger:
            .time(\.channelLinger, 1000...86_400_000, "Time that a channel without readers stays subscribed")
        case .streamTimeout:
            .time(\.streamTimeout, 1000...86_400_000, "Time after which a stream ends and its client reconnects")
        case .heartbeat: .time(\.heartbeat, 1000...600_000, "Longest silence of a stream")
        case .streamRetry:
            .time(\.streamRetry, 100...600_000, "Time after which a client whose stream broke off reconnects")
        }
    }
}

/// Everything about one limit of an edge except its name and its default.
public struct EdgeLimitDeclaration: Sendable {
    /// The property that holds the limit, and its unit.
    public enum Field: Sendable {
        /// A number of things.
        case number(any (WritableKeyPath<EdgeLimits, Int> & Sendable))
        /// Bytes.
        case bytes(any (WritableKeyPath<EdgeLimits, Int> & Sendable))
        /// Milliseconds.
        case time(any (WritableKeyPath<EdgeLimits, Int64> & Sendable))
    }

    public let field: Field
    /// The values that can be configured.
    public let range: ClosedRange<Int>
    /// What the limit bounds, for help and documentation, without a full stop.
    public let meaning: String

    static func number(
        _ path: any (WritableKeyPath<EdgeLimits, Int> & Sendable), _ range: ClosedRange<Int>, _ meaning: String
    ) -> EdgeLimitDeclaration {
        EdgeLimitDeclaration(field: .number(path), range: range, meaning: meaning)
    }

    static func bytes(
        _ path: any (WritableKeyPath<EdgeLimits, Int> & Sendable), _ range: ClosedRange<Int>, _ meaning: String
    ) -> EdgeLimitDeclaration {
        EdgeLimitDeclaration(field: .bytes(path), range: range, meaning: meaning)
    }

    static func time(
        _ path: any (WritableKeyPath<EdgeLimits, Int64> & Sendable), _ range: ClosedRange<Int>, _ meaning: String
    ) -> EdgeLimitDeclaration {
        EdgeLimitDeclaration(field: .time(path), range: range, meaning: meaning)
    }
}
