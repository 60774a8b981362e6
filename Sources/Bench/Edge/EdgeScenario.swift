/// One situation in which edges are measured.
package struct EdgeScenario {
    /// As `--scenario` names them.
    package enum Name: String, CaseIterable, Sendable {
        case polls, fanout, stream, steady, channels, lone, connections, memory
    }

    package let name: Name
    package let title: String
    package let isStream: Bool
    package let crowds: [Crowd]
    /// Events in a second, for each crowd, over all of its channels.
    package let rates: [Double]
    package let seconds: Double

    /// - Parameters:
    ///   - readers: connected readers in all.
    ///   - seconds: how long events are published.
    package init(_ name: Name, readers: Int, seconds: Double) {
        self.name = name
        var isStream = false
        var parts: [(readers: Int, channels: Int, rate: Double)]
        switch name {
        case .polls:
            title = "2 events/s, one channel: every reader answered, and back before the next"
            parts = [(readers, 1, 2)]
        case .fanout:
            title = "100 events/s, one channel, long-poll"
            parts = [(readers, 1, 100)]
        case .stream:
            title = "100 events/s, one channel, server-sent events"
            parts = [(readers, 1, 100)]
            isStream = true
        case .steady:
            title = "165,000 deliveries/s, one channel, long-poll"
            parts = [(readers, 1, 165_000 / Double(readers))]
        case .channels:
            title = "2,000 events/s over channels of ten readers"
            parts = [(readers, max(1, readers / 10), 2000)]
        case .lone:
            title = "100 events/s, one channel; beside it ten channels of one reader, 10 events/s in all"
            parts = [(max(1, readers - 10), 1, 100), (10, 10, 10)]
        case .connections:
            title = "new connections, each with one answer"
            parts = []
        case .memory:
            title = "memory of idle long-polls that have had an answer"
            parts = [(readers, 1, 0)]
        }
        self.isStream = isStream
        self.seconds = seconds
        rates = parts.map(\.rate)
        var first = 0
        crowds = parts.map { part in
            defer { first += part.channels }
            let each = Int((part.rate * seconds / Double(part.channels)).rounded(.up))
            return Crowd(
                readers: part.readers, firstChannel: first, channels: part.channels,
                events: part.rate > 0 ? max(1, each) : 0)
        }
    }
}
