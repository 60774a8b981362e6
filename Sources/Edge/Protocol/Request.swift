/// A request, understood: all that its handler needs, in values of its own.
struct Request: Equatable {
    /// What is asked for.
    enum Target: Equatable {
        case channel(ChannelQuery)
        case poll(PollQuery)
        case comments
        case live
        case ready
        case metrics
        case page
        /// What a browser asks before it asks.
        case options
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
    }

    /// The parameters of `/v1/poll`.
    struct PollQuery: Equatable {
        struct Item: Equatable {
            var channel: String
            var offset: Offset
        }

        var items: [Item]
        var timeout: Int?
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

    var target: Target
    var bodyKind = BodyKind.other
    var ifNoneMatch: String?
}
