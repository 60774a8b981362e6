import Foundation
import Glibc
import Supervision
import TestSupport
import Testing

/// An edge whose process may open no more files.
struct DescriptorTests {
    /// Processor time of a process, in seconds.
    private static func processorTime(of pid: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return (Double(fields[11])! + Double(fields[12])!) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// An edge that may open so many files: the hard limit, it takes all that it may have.
    private static func edge(_ redis: RedisServer, files: Int) throws -> (process: ChildProcess, port: UInt16) {
        let edge = try ChildProcess(
            "sh",
            [
                "-c", "ulimit -n \(files); exec \"$0\" \"$@\"", try TidingsBinary.path, "edge", "--workers", "1",
                "--listen", "127.0.0.1:0", "--redis", redis.url,
            ])
        var port: UInt16 = 0
        try eventually(within: 20, "the edge says where it is: \(edge.errors)") {
            port = edge.output.split(separator: ":").last.flatMap { UInt16($0.trimmingCharacters(in: .newlines)) } ?? 0
            return port > 0 && (try? HTTPClient(port: port).get("/ready").status) == 200
        }
        return (edge, port)
    }

    @Test("full of clients, with more at the door, an edge has Redis back when Redis is back")
    func full() throws {
        let server = try RedisServer(appendOnly: .always)
        let (edge, port) = try Self.edge(server, files: 100)
        #expect(edge.errors.contains("fewer files may be open"))
        let early = HTTPClient(port: port)
        #expect(try early.get("/live").status == 200)
        let poll = Array(
            "GET /v1/channels/thread:1?offset=now&live=long-poll&timeout=55 HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        let crowd = try (0..<150).map { _ in
            let socket = try StreamSocket(port: port)
            // Those that are turned away at once may not take it any more.
            try? socket.send(poll, before: Deadline(in: 5))
            return socket
        }
        try eventually(within: 10, "those beyond the limit are turned away") {
            try !early.get("/metrics").text.contains("tidings_edge_connections_refused_total 0\n")
        }
        try server.kill()
        try eventually(within: 10, "red") { try early.get("/ready").status == 503 }
        try server.restart()
        try eventually(within: 15, "green") { try early.get("/ready").status == 200 }
        #expect(crowd.count == 150 && !edge.errors.contains("no descriptors left"))
    }

    @Test("accepting pauses without spinning, who is connected is served, and afterwards all goes on")
    func exhausted() throws {
        let server = try RedisServer()
        let (edge, port) = try Self.edge(server, files: 1024)
        let child = try #require(
            ProcessTable.descendants(of: edge.pid).first { $0.command.contains(" --child ") }?.pid)
        // Behind its back: an edge takes no more connections than it was allowed files.
        let narrowed = try ChildProcess.run("prlimit", ["--pid", "\(child)", "--nofile=60:60"])
        #expect(narrowed.succeeded, "\(narrowed.errors)")
        let early = HTTPClient(port: port)
        #expect(try early.get("/live").status == 200)
        func pauses() throws -> Int {
            let line = try early.get("/metrics").text.split(separator: "\n").first {
                $0.hasPrefix("tidings_edge_accept_pauses_total ")
            }
            return line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        }
        var crowd = try (0..<80).map { _ in try StreamSocket(port: port) }
        try eventually(within: 10, "accepting pauses") { try pauses() > 0 }
        let (before, paused) = (try Self.processorTime(of: child), try pauses())
        usleep(1_000_000)
        #expect(try Self.processorTime(of: child) - before < 0.3)
        #expect(try (1...20).contains(pauses() - paused), "a few looks a second")
        #expect(crowd.count == 80 && edge.errors.contains("no descriptors left"))
        crowd.removeAll()
        try eventually(within: 10, "new connections are served") {
            (try? HTTPClient(port: port, timeout: 2).get("/live").status) == 200
        }
    }
}
