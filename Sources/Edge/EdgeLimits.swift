/// Every limit of an edge process, each with its default. Times are milliseconds, sizes are bytes. What people may set them
/// to, and by which name, stands at ``EdgeLimit``.
public struct EdgeLimits: Sendable, Equatable {
    /// Connections held at once. One more is answered 503 and closed.
    public var maxConnections = 65_536
    /// Connections beyond that limit whose request is read before it is answered so. An `EventSource` never comes back
    /// after a 503: it gets an empty stream that tells it when to come again.
    public var spareConnections = 256
    /// Files that are left for all but clients: those that the process opens itself, above all to reach Redis again.
    static let filesKept = 64
    /// Connections of one address, of one /64 for IPv6; through a proxy: requests under way of one client. One more is
    /// answered 429 and closed. 0: any number. Connections from this machine itself are not counted.
    public var connectionsPerAddress = 1000
    /// New connections taken in a second. What is more waits in the system's queue. 0: any number.
    public var acceptsPerSecond = 0
    /// A request's head: request line, fields, the empty line. Larger: 431.
    public var headerBytes = 16 * 1024
    /// Fields in a request's head. More: 431.
    public var headerFields = 100
    /// A request's target. Longer: 414.
    public var urlBytes = 8 * 1024
    /// A body that is one event. Larger: 413.
    public var bodyBytes = 64 * 1024
    /// A body that is many events, one a line. Larger: 413.
    public var batchBytes = 1024 * 1024
    /// Bodies of posts that the sink has and has not answered, together: what piles up while Redis stands still. One more:
    /// 503. One alone is always let through.
    public var postedBytes = 64 * 1024 * 1024
    /// Comments in one body, one a line. More: 413. They go to Redis in one call, and everybody waits for that.
    public var commentsPerPost = 1000
    /// The largest token. Larger: 401.
    public var tokenBytes = 4096
    /// Channels and patterns in one token. More: 401.
    public var tokenChannels = 100
    /// Channels in one poll or stream. More: 400.
    public var channelsPerPoll = 50
    /// A channel's name. Longer: 400.
    public var channelNameBytes = 256
    /// Channels watched at once. At the limit the longest idle one is let go; with none idle: 503.
    public var maxChannels = 65_536
    /// Loads of channels' histories under way at once; the others wait their turn.
    public var loadsAtOnce = 64
    /// Events that a channel's ring keeps.
    public var ringEvents = 1024
    /// Bytes of events that a channel's ring keeps.
    public var ringBytes = 1024 * 1024
    /// Bytes that the rings of all channels hold together, with the answers that were made of them. Beyond, channels
    /// without readers are let go of, then the largest rings become shorter; what they give up is read from the feed.
    public var ringBytesTotal = 256 * 1024 * 1024
    /// The body of one answer. What does not fit comes with the next; a single event is never cut.
    public var answerBytes = 1024 * 1024
    /// Input kept for a connection whose request is being answered. Beyond, reading pauses.
    public var pipelineBytes = 16 * 1024

    /// Bytes that wait for clients in memory, together: input that is not whole yet, answers that sockets did not take; a
    /// body that answers share counts once. Input may have half; more: 503. Beyond it, the connection whose answer has
    /// been blocked for the longest time is closed. One alone is always let through.
    public var bufferBytes = 256 * 1024 * 1024

    /// From a request's first byte to the end of its head. Later: 408.
    public var headerTimeout: Int64 = 10_000
    /// From a request's head to the end of its body. Later: 408.
    public var bodyTimeout: Int64 = 30_000
    /// Between two requests of a connection. Later: closed.
    public var idleTimeout: Int64 = 75_000
    /// Without progress while an answer is written. Later: closed.
    public var writeTimeout: Int64 = 30_000
    /// For all of an answer, or of a piece of a stream, once its reader did not take it at once. Later: closed.
    public var answerTimeout: Int64 = 120_000
    /// For reading a closed connection's left-over input, so that the last answer arrives.
    public var lingerTimeout: Int64 = 2_000
    /// For an answer from the comment sink. Later: 503.
    public var acceptTimeout: Int64 = 30_000
    /// For a channel's history when the reader does not hold. Later: 503.
    public var loadTimeout: Int64 = 5_000
    /// How long a channel without readers stays watched.
    public var channelLinger: Int64 = 60_000
    /// How long a stream of server-sent events lasts before the client is sent to connect anew. Spread by a fifth
    /// downwards. Proxies cut what lasts too long, and a process that ends gets rid of its streams only so.
    public var streamTimeout: Int64 = 300_000
    /// The longest silence of a stream: then comes a comment, so that no proxy takes it for dead.
    public var heartbeat: Int64 = 15_000
    /// How long a client waits before it connects anew when a stream has broken off. Spread by a half upwards.
    public var streamRetry: Int64 = 2_000

    public init() {}

    /// Lowers the limits of connections so that the process has files left when all are taken: full of clients it could
    /// not connect to Redis again, and each file that comes free would be a client's at once.
    ///
    /// - Parameters:
    ///   - files: that the process may have open.
    ///   - inherited: of those, such as it has been given.
    /// - Returns: whether they were too high.
    public mutating func fit(files: Int, inherited: Int = 0) -> Bool {
        let room = max(2, files - inherited - min(Self.filesKept, files / 2))
        guard maxConnections + spareConnections > room else { return false }
        spareConnections = min(spareConnections, room / 4)
        maxConnections = min(maxConnections, room - spareConnections)
        return true
    }
}
