/// When a stream of server-sent events sends a heartbeat, and when it ends. Pure; times in milliseconds.
struct StreamSchedule {
    /// What to do when a stream was silent for too long.
    enum Sign: Equatable {
        /// Send a comment, which only proxies notice.
        case comment
        /// Send an event, which the page notices as well.
        case message
        /// End the stream.
        case end
    }

    private let end: Int64
    private let heartbeat: Int64
    private var comments = 0

    /// The number of comments before an event is sent.
    static let commentsInARow = 3

    init(end: Int64, heartbeat: Int64) {
        self.end = end
        self.heartbeat = heartbeat
    }

    /// The next deadline after something was written.
    func next(after now: Int64) -> Int64 {
        min(end, now + heartbeat)
    }

    /// Whether the stream must end. A reader that is always behind never reaches its deadline.
    func isOver(now: Int64) -> Bool {
        now >= end
    }

    /// Records that an event was written.
    mutating func told() {
        comments = 0
    }

    /// The deadline has passed: decides what to do.
    mutating func sign(now: Int64) -> Sign {
        if now >= end { return .end }
        comments += 1
        guard comments > Self.commentsInARow else { return .comment }
        comments = 0
        return .message
    }
}

/// The framing of a stream of server-sent events (WHATWG HTML, 9.2).
extension Connection {
    /// Begins a stream.
    ///
    /// - Parameter retry: how long a browser waits before it reconnects after the stream broke off, in milliseconds.
    func beginEvents(retry: Int64) {
        var start: [UInt8] = []
        if !wantsHeadOnly {
            start.append("retry: ")
            start.appendDecimal(retry)
            start.append("\n\n")
        }
        // By default nginx buffers what it passes on.
        beginStream(type: "text/event-stream", start: start) { $0.field("X-Accel-Buffering: ", "no") }
    }

    /// Ends a stream at its time limit; a browser reconnects at once.
    func endEvents() {
        // During shutdown, clients would reconnect in a loop.
        if isDrained, !isEnding { stream(Array("retry: 100\n\n".utf8)) }
        endStream()
    }

    /// Answers with a stream that only says when to reconnect. A browser never reconnects after a 503.
    func postponeEvents(retry: Int64) {
        beginEvents(retry: retry)
        endStream()
    }
}
