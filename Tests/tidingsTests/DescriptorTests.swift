import Foundation
import Glibc
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

    @Test("accepting pauses without spinning, who is connected is served, and afterwards all goes on")
    func exhausted() throws {
        let server = try RedisServer()
        // The hard limit: an edge takes all that it may have.
        let edge = try ChildProcess(
            "sh",
            [
                "-c", "ulimit -n 60; exec \"$0\" \"$@\"", try TidingsBinary.path, "edge", "--workers", "1", "--listen",
                "127.0.0.1:0", "--redis", server.url,
            ])
        var port: UInt16 = 0
        try eventually(within: 20, "the edge says where it is: \(edge.errors)") {
            port = edge.output.split(separator: ":").last.flatMap { UInt16($0.trimmingCharacters(in: .newlines)) } ?? 0
            return port > 0 && (try? HTTPClient(port: port).get("/ready").status) == 200
        }
        let child = try #require(
            ProcessTable.descendants(of: edge.pid).first { $0.command.contains(" --child ") }?.pid)
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
