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
