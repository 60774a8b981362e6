/// Every limit of an edge process with its default. Times are milliseconds, sizes are bytes. ``EdgeLimit`` has their
/// public names and ranges.
public struct EdgeLimits: Sendable, Hashable {
    /// Open connections. Beyond: answered 503 and closed.
    public var maxConnections = 65_536
    /// Connections beyond the limit whose request is read before they are refused. An `EventSource` never reconnects
    /// after a 503, so it gets an empty stream that tells it when to reconnect.
    public var spareConnections = 256
    /// File descriptors reserved for the process itself, above all for reconnecting to Redis.
    static let filesKept = 64
    /// Connections per address, or per /64 for IPv6; through a proxy, concurrent requests per client. Beyond: answered
    /// 429 and closed. 0: unlimited. Connections from this machine are not counted.
    public var connectionsPerAddress = 1000
    /// New connections accepted per second. Beyond: they wait in the kernel's queue. 0: unlimited.
    public var acceptRate = 0
    /// A request's head: request line, fields and the empty line. Larger: 431.
    public var headerBytes = 16 * 1024
    /// Fields in a request's head. More: 431.
    public var headerFields = 100
    /// A request's target. Longer: 414.
    public var urlBytes = 8 * 1024
    /// A body with one event. Larger: 413.
    public var bodyBytes = 64 * 1024
    /// A body with many events, one per line. Larger: 413.
    public var batchBytes = 1024 * 1024
    /// Bodies of posts that the sink has not answered, together: they accumulate while Redis does not respond. Beyond:
    /// 503. A single one is always accepted.
    public var postedBytes = 64 * 1024 * 1024
    /// Comments in one body, one per line. More: 413. They go to Redis in one call, which blocks everybody else.
    public var commentsPerPost = 1000
    /// Comments of one address (or /64 for IPv6) a minute. More: 429. 0: unlimited. API keys have a rate of their own,
    /// and this machine is not counted unless it is one of the trusted proxies' clients.
    public var postsPerMinute = 30
    /// Comments of one address at once after a pause. More in one request: 413.
    public var postBurst = 10
    /// Conversations a minute that one address has not written to lately. More: 429. 0: unlimited.
    public var threadsPerMinute = 20
    /// Addresses that these limits are remembered for. Beyond, the one with most of its limits left is forgotten.
    public var postClients = 65_536
    /// The largest token. Larger: 401.
    public var tokenBytes = 4096
    /// Channels and patterns in one token. More: 401.
    public var tokenChannels = 100
    /// Channels in one poll or stream. More: 400.
    public var channelsPerPoll = 50
    /// A channel's name. Longer: 400.
    public var channelNameBytes = 256
    /// Channels with a subscription to Redis. At the limit the longest idle one is dropped; if none is idle: 503.
    public var maxChannels = 65_536
    /// Histories loaded from Redis at the same time; the others wait.
    public var loadsAtOnce = 64
    /// Events that a channel's ring keeps.
    public var ringEvents = 1024
    /// Bytes of events that a channel's ring keeps.
    public var ringBytes = 1024 * 1024
    /// Bytes that the rings of all channels hold together, including answers made from them. Beyond, channels without
    /// readers are dropped, then the largest rings are shortened; what they drop is read from the feed again.
    public var ringBytesTotal = 256 * 1024 * 1024
    /// The body of one answer. The rest comes with the next answer; a single event is never split.
    public var answerBytes = 1024 * 1024
    /// Input buffered for a connection whose request is being answered. Beyond: reading pauses.
    public var pipelineBytes = 16 * 1024

    /// Bytes buffered for clients, together: incomplete input, and answers that sockets did not take. A body that
    /// answers share counts once. Input may use half; beyond: 503. Beyond the whole, the connection whose answer has
    /// been blocked longest is closed. A single one is always accepted.
    public var bufferBytes = 256 * 1024 * 1024

    /// From a request's first byte to the end of its head. Later: 408.
    public var headerTimeout: Int64 = 10_000
    /// From a request's head to the end of its body. Later: 408.
    public var bodyTimeout: Int64 = 30_000
    /// Between two requests of a connection. Later: closed.
    public var idleTimeout: Int64 = 75_000
    /// Without progress while an answer is sent. Later: closed.
    public var writeTimeout: Int64 = 30_000
    /// For an answer, or a piece of a stream, to be received completely once the socket did not take it at once. Later:
    /// closed.
    public var answerTimeout: Int64 = 120_000
    /// For reading the remaining input of a connection to be closed, so that its last answer arrives.
    public var lingerTimeout: Int64 = 2_000
    /// For an answer of the comment sink. Later: 503.
    public var postTimeout: Int64 = 30_000
    /// For a channel's history, for requests that are not long polls. Later: 503.
    public var loadTimeout: Int64 = 5_000
    /// How long the subscription of a channel without readers is kept.
    public var channelLinger: Int64 = 60_000
    /// How long a stream of server-sent events lasts before the client is told to reconnect, shortened by a random
    /// fifth. Proxies cut longer streams, and a process that shuts down relies on it to lose its streams.
    public var streamTimeout: Int64 = 300_000
    /// The longest silence of a stream. Then a comment is sent, so that no proxy considers it dead.
    public var heartbeat: Int64 = 15_000
    /// How long a client waits before it reconnects after a stream has broken off, lengthened by a random half.
    public var streamRetry: Int64 = 2_000

    public init() {}

    /// Lowers the limits of connections to the available file descriptors. A process full of clients could not
    /// reconnect to Redis, since the next client would take each descriptor that becomes free.
    ///
    /// - Parameters:
    ///   - files: the process' limit of open files.
    ///   - inherited: how many of them are inherited and in use.
    ///
    /// - Returns: whether the limits were too high.
    public mutating func fit(files: Int, inherited: Int = 0) -> Bool {
        let room = max(2, files - inherited - min(Self.filesKept, files / 2))
        guard maxConnections + spareConnections > room else { return false }
        spareConnections = min(spareConnections, room / 4)
        maxConnections = min(maxConnections, room - spareConnections)
        return true
    }
}
