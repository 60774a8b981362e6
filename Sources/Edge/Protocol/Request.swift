/// A request, understood: all that its handler needs, in values of its own.
struct Request: Equatable {
    /// What is asked for.
    enum Target: Equatable {
        case channel(ChannelQuery)
        case poll(PollQuery)
        case events(PollQuery)
        case comments
        case live
        case ready
        case metrics
        /// The pipeline's state, for the dashboard.
        case status
        /// One of the files that are served from memory, by its path.
        case file(String)
        /// What a browser asks before it asks: which methods the resource has.
        case options(Methods)
    }

    /// The methods that a resource has.
    enum Methods: Equatable {
        case read
        case post
        /// Of the server as a whole.
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
        /// Seconds to hold, when the client named them.
        var timeout: Int?
        /// What the client echoes of the last `Stream-Cursor`.
        var cursor: Int64?
        /// The `id` of the last event of the stream that this one continues, when there was one.
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

    /// How a posted body is to be read.
    enum BodyKind: Equatable {
        /// `application/json`: one event.
        case json
        /// `application/x-ndjson` and its like: one event a line.
        case ndjson
        /// Anything else: the body itself tells.
        case other
    }

    /// The secrets that a request comes with. They are gone once it is admitted.
    struct Credentials: Equatable {
        /// Of `Authorization: Bearer …` (RFC 6750, 2.1).
        var bearer: String?
        /// Of the parameter `access_token` or `token`: an `EventSource` sends no fields (RFC 6750, 2.3).
        var accessToken: String?
        /// Of `X-Api-Key`.
        var apiKey: String?
    }

    var target: Target
    var credentials = Credentials()
    /// What its origin is to the edge.
    var origin = OriginMatch.any
    /// The place of the API key that it came with, among those of the configuration.
    var apiKey: Int?
    /// When its leave to read ends, on the monotonic clock; nil: never.
    var expires: Int64?
    var bodyKind = BodyKind.other
    var ifNoneMatch: String?
    /// Whether the answer may come in gzip form.
    var takesGzip = false

    /// What bounds its body.
    var bodyLimit: EdgeLimit {
        target == .comments && bodyKind != .json ? .batchBytes : .bodyBytes
    }

    /// Whether the answer has no end.
    var isStream: Bool {
        switch target {
        case .events: true
        case .channel(let query): query.live == .serverSentEvents
        default: false
        }
    }
}

/// What a reader wants when it has all there is (Durable Streams, 5.5 to 5.7).
enum LiveMode: Equatable {
    /// An answer at once.
    case none
    /// An answer when there is something, or at the end of the hold.
    case longPoll
    /// One answer without an end.
    case serverSentEvents
}
