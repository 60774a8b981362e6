import Events
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Edge

/// The proxy configurations of docs/edge.md, extracted from the page, with a real proxy.
@Suite("The proxy configurations of the manual")
struct ProxyManualTests {
    private static let nginx = "/usr/sbin/nginx"
    private static let haproxy = "/usr/sbin/haproxy"

    @Test(
        "nginx passes events on unbuffered, and hides the metrics",
        .enabled(if: access(nginx, X_OK) == 0, "nginx is not installed (nginx-light)"))
    func nginxStreams() throws {
        try check { port, edge, folder in
            let snippet = try Self.snippet("nginx")
                .replacing("127.0.0.1:8080", with: "127.0.0.1:\(edge)").replacing("listen 80;", with: "listen \(port);")
                .replacing("/var/log/nginx", with: folder)
            let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " ")
            return [
                Self.nginx, "-e", folder + "/error.log", "-c",
                """
                daemon off; pid \(folder)/nginx.pid; error_log \(folder)/error.log;
                events { worker_connections 256; }
                http { \(paths)
                \(snippet)
                }
                """,
            ]
        }
    }

    @Test(
        "haproxy passes events on unbuffered, and hides the metrics",
        .enabled(if: access(haproxy, X_OK) == 0, "haproxy is not installed"))
    func haproxyStreams() throws {
        try check { port, edge, _ in
            let snippet = try Self.snippet("haproxy")
                .replacing("127.0.0.1:8080", with: "127.0.0.1:\(edge)").replacing("bind :80", with: "bind :\(port)")
            return [Self.haproxy, "-f", snippet + "\n"]
        }
    }

    /// Starts an edge and a proxy in front of it, and checks that an event arrives through an open stream.
    ///
    /// - Parameter words: the proxy's command; the last word is the content of its configuration file.
    private func check(_ words: (_ port: UInt16, _ edge: UInt16, _ folder: String) throws -> [String]) throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [AddressRange("127.0.0.1")].compactMap { $0 })
        }
        defer { try? edge.stop() }
        let folder = try TemporaryFolder()
        let port = try freePort()
        var command = try words(port, edge.port, folder.path)
        let configuration = try folder.write(command.removeLast(), to: "proxy.conf")
        let proxy = try ChildProcess(command[0], Array(command.dropFirst()) + [configuration])
        defer { proxy.kill() }
        try eventually(within: 20, "the proxy answers: \(proxy.errors)") {
            (try? HTTPClient(port: port, timeout: 5).get("/ready").status) == 200
        }
        let reader = try StreamSocket(port: port)
        let request = "GET /v1/channels/thread:1?offset=now&live=sse HTTP/1.1\r\nHost: a\r\n\r\n"
        try reader.send(request.utf8, before: Deadline(in: 10))
        try edge.waitForHeld(1)
        // The stream stays open, so the event arrives only if it is not buffered.
        try edge.publish(#"{"n":1}"#, to: "thread:1")
        var seen: [UInt8] = []
        while !String(decoding: seen, as: UTF8.self).contains(#"data: [{"n":1}]"#) {
            let more = try reader.receive(before: Deadline(in: 10))
            guard !more.isEmpty else { throw TestSupportError("the stream ended: \(seen)") }
            seen += more
        }
        #expect(try HTTPClient(port: port, timeout: 5).get("/metrics").status == 404)
    }

    private static func snippet(_ language: String) throws -> String {
        let page = try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../docs/edge.md"), encoding: .utf8)
        guard let start = page.firstRange(of: "```\(language)\n"),
            let end = page[start.upperBound...].firstRange(of: "\n```")
        else { throw TestSupportError("docs/edge.md has no \(language) configuration") }
        return String(page[start.upperBound..<end.lowerBound])
    }
}
