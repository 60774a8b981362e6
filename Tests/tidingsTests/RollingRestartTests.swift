import Foundation
import Glibc
import Supervision
import Synchronization
import TestSupport
import Testing

/// Edges that are replaced, one after the other, while clients that try nothing twice go on.
struct RollingRestartTests {
    /// What the threads of a load have seen.
    private final class Record: Sendable {
        struct State {
            var requests = 0
            var failures: [String] = []
            var posted: [String] = []
            var read: [String] = []
            var isStopped = false
            var running = 0
        }

        let state = Mutex(State())

        /// A thread that does the same until it is stopped; what throws is a failure.
        func repeating(_ action: @escaping @Sendable () throws -> Void) {
            state.withLock { $0.running += 1 }
            Thread.detachNewThread { [self] in
                while !state.withLock({ $0.isStopped }) {
                    let result = Result { try action() }
                    state.withLock { state in
                        state.requests += 1
                        if case .failure(let error) = result { state.failures.append("\(error)") }
                    }
                }
                state.withLock { $0.running -= 1 }
            }
        }

        func stop() throws {
            state.withLock { $0.isStopped = true }
            try eventually(within: 20, "the load ends") { state.withLock { $0.running } == 0 }
        }
    }

    @Test("under load, with clients that try nothing twice: no connection is refused or cut, no event lost or doubled")
    func rolling() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let configuration = try folder.write(
            "partitions: 2\nstages: [validate, format, route, { publish: { history: 100000 } }]\nedge: { hold: 1s }\n",
            to: "tidings.yaml")
        let common = ["--config", configuration, "--redis", server.url]
        let pool = try TidingsBinary.launch(["work", "--workers", "1"] + common)
        let edge = try TidingsBinary.launch(
            ["edge", "--workers", "2", "--listen", "127.0.0.1:0", "--drain", "1"] + common)
        var port: UInt16 = 0
        try eventually(within: 20, "the edge says where it is: \(edge.errors)") {
            port = edge.output.split(separator: ":").last.flatMap { UInt16($0.trimmingCharacters(in: .newlines)) } ?? 0
            return port > 0 && (try? HTTPClient(port: port).get("/ready").status) == 200
        }
        let record = Record()
        let chosen = port
        let next = Mutex(0)
        for thread in 0..<2 {
            record.repeating {
                let number = next.withLock { next in
                    next += 1
                    return next
                }
                let id = "\(thread)-\(number)"
                let answer = try HTTPClient(port: chosen, timeout: 15).post(
                    "/v1/comments", #"{"thread":"7","id":"\#(id)","text":"hello"}"#)
                guard answer.status == 202 else { throw TestSupportError("POST: \(answer.status)") }
                record.state.withLock { $0.posted.append(id) }
            }
            record.repeating {
                let answer = try HTTPClient(port: chosen, timeout: 15).get("/v1/channels/thread:8?offset=-1")
                guard answer.status == 200 else { throw TestSupportError("GET: \(answer.status)") }
            }
        }
        // A reader whose every answer counts: its place is what the last one said.
        let place = Mutex("-1")
        record.repeating {
            let offset = place.withLock { $0 }
            let answer = try HTTPClient(port: chosen, timeout: 15).get(
                "/v1/channels/thread:7?offset=\(offset)&live=long-poll")
            guard answer.status == 200 || answer.status == 204 else { throw TestSupportError("poll: \(answer.status)") }
            guard let following = answer[header: "stream-next-offset"] else {
                throw TestSupportError("no place to go on")
            }
            place.withLock { $0 = following }
            let ids = try answer.status == 204 ? [] : (answer.json.array ?? []).compactMap { $0["id"]?.string }
            record.state.withLock { $0.read += ids }
        }
        var before = edges(of: edge)
        #expect(before.count == 2)
        for round in 1...3 {
            edge.send(SIGHUP)
            try eventually(within: 30, "round \(round): every edge is another; log: \(edge.errors)", every: 0.05) {
                let now = edges(of: edge)
                return now.count == 2 && now.isDisjoint(with: before)
            }
            before = edges(of: edge)
        }
        // All that was posted is read before the reader stops.
        try eventually(within: 20, "the reader has caught up") {
            record.state.withLock { $0.posted.count >= 50 && $0.requests > 100 }
        }
        try record.stop()
        let end = record.state.withLock { $0 }
        #expect(end.failures.isEmpty, "\(end.failures.prefix(5)); \(edge.errors.suffix(2000))")
        try eventually(within: 20, "all is published; \(pool.errors)") {
            Int(try server.cli("GET", "feed.publishes:{thread:7}")) == end.posted.count
        }
        let rest = try HTTPClient(port: port).get("/v1/channels/thread:7?offset=\(place.withLock { $0 })")
        let read = try end.read + (rest.json.array ?? []).compactMap { $0["id"]?.string }
        #expect(read.count == end.posted.count && Set(read) == Set(end.posted))
    }

    @Test("connections that wait while an edge is killed are served by the next one, or by the one beside it")
    func killed() throws {
        let server = try RedisServer()
        let edge = try TidingsBinary.launch([
            "edge", "--workers", "2", "--listen", "127.0.0.1:0", "--redis", server.url,
        ])
        var port: UInt16 = 0
        try eventually(within: 20, "the edge says where it is: \(edge.errors)") {
            port = edge.output.split(separator: ":").last.flatMap { UInt16($0.trimmingCharacters(in: .newlines)) } ?? 0
            return port > 0 && (try? HTTPClient(port: port).get("/ready").status) == 200
                && edges(of: edge).count == 2
        }
        let pids = edges(of: edge)
        for pid in pids { kill(pid, SIGSTOP) }
        // Their handshakes are the system's: they wait at both sockets.
        let waiting = try (0..<20).map { _ in
            let socket = try StreamSocket(port: port)
            try socket.send(
                "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8, before: Deadline(in: 5))
            return socket
        }
        let (dead, stopped) = (try #require(pids.first), try #require(pids.dropFirst().first))
        kill(dead, SIGKILL)
        for socket in waiting {
            let answer = String(decoding: try socket.receive(before: Deadline(in: 15)), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
        }
        // The other one stood still all the time: its successor's neighbour took what waited there.
        #expect(kill(stopped, 0) == 0)
        kill(stopped, SIGCONT)
    }

    private func edges(of supervisor: ChildProcess) -> Set<Int32> {
        Set(ProcessTable.descendants(of: supervisor.pid).filter { $0.command.contains(" --child ") }.map(\.pid))
    }
}
