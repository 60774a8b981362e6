/// A parsed request: everything that its handler needs, independent of the input.
struct Request: Equatable {
    /// The requested resource.
    enum Target: Equatable {
        case channel(ChannelQuery)
        case poll(PollQuery)
        case events(PollQuery)
        case comments
        case live
        case ready
        case metrics
        /// The pipeline's status, for the dashboard.
        case status
        /// A file that is served from memory, by its path.
        case file(String)
        /// A preflight request: which methods a resource has.
        case options(Methods)
    }

    /// The methods of a resource.
    enum Methods: Equatable {
        case read
        case post
        /// The server as a whole.
        case all

        /// The value of the `Allow` field.
        var allow: StaticString {
            switch self {
            case .read: "GET, HEAD, OPTIONS"
            case .post: "POST, OPTIONS"
            case .all: "GET, HEAD, POST, OPTIONS"
            }
        }
    }

    /// The parameters of `/v1/channels/CHANNEL`.
    struct ChannelQuery: Equatable {
        var channel: String
        var offset = Offset.beginning
        var live = LiveMode.none
        /// Seconds to hold; nil when the client did not say.
        var timeout: Int?
        /// The last `Stream-Cursor`, which the client echoes.
        var cursor: Int64?
        /// The `id` of the last event, when this request resumes a stream.
        var lastEventID: String?
    }

    /// The parameters of `/v1/poll` and `/v1/events`.
    struct PollQuery: Equatable {
        struct Item: Equatable {
            var channel: String
            var offset: Offset
        }

        var items: [Item]
        var timeout: Int?
        /// As in a channel's query.
        var lastEventID: String?
    }

    /// The format of a posted body.
    enum BodyKind: Equatable {
        /// `application/json`: one event.
        case json
        /// `application/x-ndjson` and similar: one event per line.
        case ndjson
        /// Any other type: the body is inspected.
        case other
    }

    /// The secrets of a request. They are removed once it is admitted.
    struct Credentials: Equatable {
        /// From `Authorization: Bearer …` (RFC 6750, 2.1).
        var bearer: String?
        /// From the parameter `access_token` or `token`: an `EventSource` cannot send header fields (RFC 6750, 2.3).
        var accessToken: String?
        /// From `X-Api-Key`.
        var apiKey: String?
        /// From `Edit-Key`.
        var editKey: String?
    }

    var target: Target
    var credentials = Credentials()
    /// How its origin relates to the allowed ones.
    var origin = OriginMatch.any
    /// Who posts; nil for every other request.
    var writer: CommentWriter?
    /// When its permission to read expires, on the monotonic clock; nil: never.
    var expires: Int64?
    /// It is a stream whose token cannot be checked yet: its client has to come back.
    var isPostponed = false
    var bodyKind = BodyKind.other
    var ifNoneMatch: String?
    /// Whether the client accepts gzip.
    var takesGzip = false

    /// The limit that applies to its body.
    var bodyLimit: EdgeLimit {
        target == .comments && bodyKind != .json ? .batchBytes : .bodyBytes
    }

    /// Whether the response is a stream.
    var isStream: Bool {
        switch target {
        case .events: true
        case .channel(let query): query.live == .serverSentEvents
        default: false
        }
    }
}

/// What happens when a reader has read everything (Durable Streams, 5.5 to 5.7).
enum LiveMode: Equatable {
    /// It is answered at once.
    case none
    /// It is answered when there are events, or at the end of the hold.
    case longPoll
    /// Events follow in a stream.
    case serverSentEvents
}
