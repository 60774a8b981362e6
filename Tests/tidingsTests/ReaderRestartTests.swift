import Glibc
import TestSupport
import Testing

/// Readers of every kind while the two edges of one port are replaced, one after the other.
struct ReaderRestartTests {
    private static let channels = (0..<20).map { "thread:\($0)" }

    private static func ids(_ events: [ParsedJSON]?) -> [String] { (events ?? []).compactMap { $0["id"]?.string } }

    @Test(
        "keep-alive polls of many channels, streams of one and of many, and long-polls get each event once and in order"
    )
    func everyReader() throws {
        let server = try RedisServer()
        let edges = try EdgePool(server.url, workers: 2, arguments: ["--drain", "1"])
        let port = edges.port
        let many = (0..<2).map { _ in PollReader(Self.channels) { port } }
        let long = Self.channels.prefix(4).map { ChannelReader($0) { port } }
        let short = Self.channels.prefix(2).map { ChannelReader($0, way: .poll) { port } }
        let query = Self.channels.map { "c=\($0)@-1" }.joined(separator: "&")
        let streams = (0..<2).map { _ in TestEventSource("/v1/events?\(query)") { port } }
        let single = Self.channels.prefix(4).map { channel in
            TestEventSource("/v1/channels/\(channel)?offset=-1&live=sse") { port }
        }
        let publisher = SteadyPublisher(server, to: Self.channels)
        func goOn(_ note: String) throws {
            let now = publisher.last
            try eventually(within: 20, "\(note): more is published") { publisher.last > now + 5 }
        }
        try goOn("before")
        for round in 1...2 {
            // All of them, one after the other, by their supervisor.
            let old = edges.pids
            edges.process.send(SIGHUP)
            try edges.waitUntilReplaced(old)
            try goOn("round \(round), replaced")
            // Nobody has tried anything twice: no connection was refused or cut.
            if round == 1 {
                for reader in many { #expect(reader.failures == [], "\(edges.process.errors.suffix(2000))") }
                for reader in long + short { #expect(reader.failures == [], "\(edges.process.errors.suffix(2000))") }
            }
            // Each by itself, as somebody else's hand would.
            for pid in edges.pids {
                kill(pid, SIGTERM)
                try eventually(within: 30, "another one has its place: \(edges.process.errors)", every: 0.05) {
                    let now = edges.pids
                    return now.count >= 2 && !now.contains(pid) && edges.readiness() == 200
                }
                try goOn("round \(round), ended \(pid)")
            }
        }
        let last = try publisher.stop()
        let wanted = (1...last).map { "\($0)" }
        for channel in Self.channels {
            for reader in many {
                try eventually(within: 30, "a poll has all of \(channel)") { reader.ids(of: channel).count >= last }
                #expect(reader.ids(of: channel) == wanted, "a poll of \(channel)")
            }
        }
        for reader in long + short {
            try eventually(within: 30, "a reader has all of \(reader.channel)") { reader.ids.count >= last }
            #expect(reader.ids == wanted, "a reader of \(reader.channel)")
        }
        for stream in streams {
            try eventually(within: 30, "a stream has all of every channel", every: 0.5) {
                let events = try stream.collected().events
                return Self.channels.allSatisfy { events[$0, default: []].count >= last }
            }
            let (events, resets) = try stream.collected()
            for channel in Self.channels { #expect(Self.ids(events[channel]) == wanted, "a stream: \(channel)") }
            #expect(resets == [:])
        }
        for (channel, stream) in zip(Self.channels, single) {
            try eventually(within: 30, "a stream has all of \(channel)", every: 0.1) {
                try stream.collectedData().events.count >= last
            }
            let (events, resets) = try stream.collectedData()
            #expect(Self.ids(events) == wanted && resets == 0, "a stream of \(channel)")
        }
        for reader in many { #expect(reader.resets == 0) }
        for reader in long + short { #expect(reader.resets == 0) }
        // No process of the beginning is left.
        for stream in streams + single { #expect(stream.trouble == nil && stream.connections >= 2) }
        for reader in many { try reader.stop() }
        for reader in long + short { try reader.stop() }
        for stream in streams + single { try stream.stop() }
    }
}
