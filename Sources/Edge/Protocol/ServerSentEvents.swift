/// When a stream of server-sent events must say something, and when it ends. Pure; times in milliseconds.
struct StreamSchedule {
    /// What a reader can see of a stream that has nothing to tell.
    enum Sign: Equatable {
        /// Something for proxies: browsers do not tell a page of it.
        case comment
        /// Something for the page as well.
        case message
        /// The stream is over.
        case end
    }

    private let end: Int64
    private let heartbeat: Int64
    private var comments = 0

    /// So many comments are followed by a message.
    static let commentsInARow = 3

    init(end: Int64, heartbeat: Int64) {
        self.end = end
        self.heartbeat = heartbeat
    }

    /// When to look next, after something was written.
    func next(after now: Int64) -> Int64 {
        min(end, now + heartbeat)
    }

    /// Whether nothing may be told any more. A reader that is always behind never comes to its deadline.
    func isOver(now: Int64) -> Bool {
        now >= end
    }

    /// Something was told.
    mutating func told() {
        comments = 0
    }

    /// It is time: what is to be done now?
    mutating func sign(now: Int64) -> Sign {
        if now >= end { return .end }
        comments += 1
        guard comments > Self.commentsInARow else { return .comment }
        comments = 0
        return .message
    }
}

/// What is around a stream of server-sent events (WHATWG HTML, 9.2).
extension Connection {
    /// Begins a stream.
    ///
    /// - Parameter retry: how long a browser is to wait, in milliseconds, before it connects anew when the stream breaks off.
    func beginEvents(retry: Int64) {
        var start: [UInt8] = []
        if !wantsHeadOnly {
            start.append("retry: ")
            start.appendDecimal(retry)
            start.append("\n\n")
        }
        // nginx gathers what it passes on, unless it is told not to.
        beginStream(type: "text/event-stream", start: start) { $0.field("X-Accel-Buffering: ", "no") }
    }

    /// Ends a stream whose time is over; a browser connects anew at once.
    func endEvents() {
        // Not while the process ends: whoever finds nobody would come again and again.
        if isDrained, !isEnding { stream(Array("retry: 100\n\n".utf8)) }
        endStream()
    }

    /// Answers with a stream that says only when to come again: no browser ever does after a 503.
    func postponeEvents(retry: Int64) {
        beginEvents(retry: retry)
        endStream()
    }
}
