import Glibc
import Supervision
import TestSupport
import Testing

/// The address for administration, with several edge processes.
struct AdminAddressTests {
    /// The port at the end of the line that begins with this text.
    private func port(_ start: String, in output: String) -> UInt16? {
        let line = output.split(separator: "\n").first { $0.hasPrefix(start) }
        return line.flatMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
    }

    @Test("any of several edges answers there, also after each was killed and after a reload, and none at the other")
    func pool() throws {
        let server = try RedisServer()
        let pool = try EdgePool(server.url, workers: 2, arguments: ["--admin", "127.0.0.1:0"])
        let admin = HTTPClient(port: try #require(port("administration on ", in: pool.process.output)))
        func check() throws {
            for _ in 0..<20 {
                // A new connection each time: the kernel chooses the process.
                admin.close()
                #expect(try admin.get("/dashboard").status == 200)
                #expect(try admin.get("/metrics").status == 200)
                let readers = HTTPClient(port: pool.port)
                #expect(try readers.get("/dashboard").status == 404)
                #expect(try readers.get("/metrics").status == 404)
            }
        }
        try check()
        let before = Set(pool.pids)
        for pid in before { kill(pid, SIGKILL) }
        try eventually(within: 20, "two others run") { pool.pids.count == 2 && before.isDisjoint(with: pool.pids) }
        try check()
    }

    @Test("up says where it is; edge.dashboard: false leaves the metrics there")
    func up() throws {
        let up = try TidingsUp(arguments: ["--edges", "2", "--workers", "1", "--admin", "127.0.0.1:0"])
        try eventually(within: 10, "it says so") { up.process.output.contains("  metrics  ") }
        let line = try #require(up.process.output.split(separator: "\n").first { $0.contains("  metrics  ") })
        let admin = try HTTPClient(url: String(line.split(separator: " ").last ?? ""))
        #expect(admin.port != up.port)
        #expect(up.process.output.contains("http://127.0.0.1:\(admin.port)/dashboard"))
        #expect(try admin.get("/dashboard.json").status == 200)
        #expect(try HTTPClient(port: up.port).get("/dashboard").status == 404)

        let off = try TidingsUp(
            configuration: "edge: { admin: \"127.0.0.1:0\", dashboard: false }",
            arguments: ["--edges", "1", "--workers", "1"])
        try eventually(within: 10, "it says so") { off.process.output.contains("  metrics  ") }
        #expect(!off.process.output.contains("/dashboard"))
    }

    @Test("a unix socket is shared by the edges as a port is, also with their successors, and ends with the pool")
    func unixSocket() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let path = folder.file("admin.sock")
        let pool = try EdgePool(server.url, workers: 2, arguments: ["--admin", "unix:\(path)"])
        func check() throws {
            let client = try StreamSocket(unix: path)
            let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            try client.send(request.utf8, before: Deadline(in: 10))
            var answer: [UInt8] = []
            while case let more = try client.receive(before: Deadline(in: 10)), !more.isEmpty { answer += more }
            #expect(String(decoding: answer, as: UTF8.self).contains("tidings_edge_ready 1"))
        }
        for _ in 0..<10 { try check() }
        let taken = try TidingsBinary.run([
            "edge", "--redis", server.url, "--listen", "127.0.0.1:0", "--admin", "unix:\(path)",
        ])
        #expect(taken.exit == .code(1) && taken.errors.contains("cannot listen on unix:\(path)"), "\(taken.errors)")
        let before = pool.pids
        pool.process.send(SIGHUP)
        try eventually(within: 60, "others run: \(pool.process.errors)") {
            pool.pids.count == 2 && before.isDisjoint(with: pool.pids)
        }
        for _ in 0..<10 { try check() }
        pool.process.send(SIGTERM)
        #expect(try pool.process.wait(within: 60) == .code(0))
        #expect(access(path, F_OK) != 0)
    }

    @Test("an address that is none is wrong use")
    func wrongAddress() throws {
        let wrong = try TidingsBinary.run(["edge", "--redis", "unix:///nowhere", "--admin", "nonsense"])
        #expect(wrong.exit == .code(2), "\(wrong.errors)")
    }
}
