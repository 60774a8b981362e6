import Foundation
import Supervision
import TestSupport
import Testing

/// The read side against a client that knows nothing of Tidings.
struct DurableStreamsTests {
    @Test("the Durable Streams client reads a thread to its end and follows it live", arguments: ["long-poll", "sse"])
    func unmodifiedClient(live: String) throws {
        let client: DurableStreamsClient
        do {
            client = try DurableStreamsClient()
        } catch is PythonEnvironment.IndexUnreachable {
            guard ProcessInfo.processInfo.environment["CI"] == nil else { throw TestSupportError("pip has no index") }
            try Test.cancel("NOT TESTED: pip cannot reach its index to install \(DurableStreamsClient.requirement)")
        }
        let tidings = try TidingsUp()
        let ids = (1...150).map { "event-\($0)" }
        func post(_ ids: some Sequence<String>) throws {
            try tidings.post(ids.map { ["thread": "42", "id": .string($0), "text": .string("text of \($0)")] })
        }

        try post(ids[..<50])
        let history = HTTPClient(port: tidings.port)
        try eventually("the first 50 events are published") {
            try history.get("/v1/channels/thread:42?offset=-1").json.array?.count == 50
        }
        let reader = try client.follow("http://127.0.0.1:\(tidings.port)/v1/channels/thread:42", live: live)
        try wait(for: ids[..<50] + ["caught up"], from: reader)
        // One at a time, then many at once.
        for count in 51...70 {
            try post(ids[(count - 1)..<count])
            try wait(for: ids[..<50] + ["caught up"] + ids[50..<count], from: reader)
        }
        try post(ids[70...])
        try wait(for: ids[..<50] + ["caught up"] + ids[50...], from: reader)
    }

    /// Waits until the client has written these lines and no others.
    private func wait(for lines: some Collection<String>, from reader: ChildProcess) throws {
        let wanted = Array(lines)
        var seen: [String] = []
        try eventually(within: 20, "line \(wanted.count) is \(wanted.last ?? ""); \(seen.suffix(3)) \(reader.errors)") {
            guard reader.isRunning else { throw TestSupportError("the client ended: \(reader.errors)") }
            seen = reader.output.split(separator: "\n").map(String.init)
            return seen == wanted
        }
    }
}
