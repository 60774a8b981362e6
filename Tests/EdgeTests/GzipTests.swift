import Foundation
import TestSupport
import Testing

@testable import Edge

@Suite("Answers in gzip form")
struct GzipTests {
    /// Decompressed by gzip(1), so that zlib is not only tested against itself.
    private static func unzipped(_ bytes: [UInt8]) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let path = folder.file("body.gz")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let result = try ChildProcess.run("gzip", ["-d", "-k", path])
        guard result.succeeded else { throw TestSupportError("gzip: \(result.errors)") }
        return Array(try Data(contentsOf: URL(fileURLWithPath: folder.file("body"))))
    }

    private static func event(_ number: Int, size: Int = 600) -> String {
        "{\"n\":\(number),\"text\":\"\(String(repeating: "word \(number) ", count: size / 8))\"}"
    }

    @Test(
        "a client accepts gzip when it names it, or `*`, with a weight above zero",
        arguments: [
            ("gzip", true), ("gzip, deflate, br", true), ("br;q=1.0, gzip;q=0.8, *;q=0.1", true), ("*", true),
            ("GZip", true), ("x-gzip", true), (" gzip ; q=0.001", true), ("*;q=0, gzip", true), ("deflate,gzip", true),
            ("", false), ("identity", false), ("gzip;q=0", false), ("gzip;q=0.000, br", false), ("*;q=0", false),
            ("gzip;q=0, *", false), ("gzipped", false), ("gzip;q=", false), ("gzip;q=x", false), ("br", false),
            (",,;,", false), ("gzip;", true),
        ])
    func acceptEncoding(_ field: String, _ takes: Bool) {
        let bytes = Array(field.utf8)
        #expect(AcceptEncoding.takesGzip(bytes.span) == takes)
    }

    @Test("parts compressed separately and plain parts between them form one file")
    func parts() throws {
        var random = SplitMix64()
        let zlib = ZlibHandle()
        var writer = GzipWriter()
        var whole: [UInt8] = []
        for index in 0..<40 {
            let size = [0, 1, 100, 5000, 70_000, 200_000][index % 6]
            let text = (0..<size).map { _ in UInt8(ascii: "a") + UInt8.random(in: 0..<5, using: &random) }
            whole += text
            if index % 2 == 0, let body = GzipBody(text, by: zlib) {
                #expect(body.bytes.count < text.count)
                writer.append(body)
            } else {
                writer.append(plain: text)
            }
        }
        let file = writer.finish()
        #expect(try Self.unzipped(file) == whole, "seed \(random.seed)")
    }

    @Test("a body that does not get smaller is not compressed")
    func incompressible() {
        var random = SplitMix64()
        let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(GzipBody(noise, by: ZlibHandle()) == nil)
        #expect(GzipBody([], by: ZlibHandle()) == nil)
    }

    @Test("readers of one batch share one compressed body")
    func shared() throws {
        let zlib = ZlibHandle()
        let batch = EncodedBatch(
            body: Array(Self.event(1).utf8), count: 1, next: Position(epoch: 1, born: 1, sequence: 1), reachesEnd: true,
            changedUpTo: 0)
        let first = try #require(batch.gzip(by: zlib)).bytes.withUnsafeBufferPointer { $0.baseAddress }
        #expect(batch.gzip(by: zlib)?.bytes.withUnsafeBufferPointer { $0.baseAddress } == first)
    }

    @Test("a large enough channel is compressed for clients that accept it")
    func channel() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        let client = edge.client()
        let headers = ["Accept-Encoding": "gzip"]
        let small = try client.get("/v1/channels/thread:1", headers: headers)
        #expect(small.text == "[1]" && small[header: "Content-Encoding"] == nil)
        #expect(small[header: "Vary"] == "Accept-Encoding")
        for number in 2...9 { try edge.publish(Self.event(number), to: "thread:1") }
        let plain = try client.get("/v1/channels/thread:1")
        #expect(plain[header: "Content-Encoding"] == nil && plain[header: "Vary"] == "Accept-Encoding")
        let packed = try client.get("/v1/channels/thread:1", headers: headers)
        #expect(packed[header: "Content-Encoding"] == "gzip" && packed.body.count * 4 < plain.body.count)
        #expect(try Self.unzipped(packed.body) == plain.body)
        #expect(packed[header: "Stream-Next-Offset"] == plain[header: "Stream-Next-Offset"])
        // The compressed form has a tag of its own.
        let tag = try #require(packed[header: "ETag"])
        #expect(tag != plain[header: "ETag"])
        #expect(
            try client.get(
                "/v1/channels/thread:1", headers: ["Accept-Encoding": "gzip", "If-None-Match": tag]
            ).status == 304)
        #expect(try client.get("/v1/channels/thread:1", headers: ["If-None-Match": tag]).status == 200)
        let refused = try client.get("/v1/channels/thread:1", headers: ["Accept-Encoding": "gzip;q=0"])
        #expect(refused[header: "Content-Encoding"] == nil)
    }

    @Test("a poll of many channels is assembled from compressed parts")
    func poll() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        for number in 1...6 {
            for channel in ["thread:1", "forum:x"] { try edge.publish(Self.event(number), to: channel) }
        }
        try edge.publish("7", to: "thread:2")
        let client = edge.client()
        let target = "/v1/poll?c=thread:1@-1&c=thread:2@-1&c=forum:x@-1&c=thread:3@now"
        let plain = try client.get(target)
        let packed = try client.get(target, headers: ["Accept-Encoding": "br, gzip"])
        #expect(packed[header: "Content-Encoding"] == "gzip" && packed[header: "Vary"] == "Accept-Encoding")
        #expect(packed.body.count * 3 < plain.body.count)
        #expect(try Self.unzipped(packed.body) == plain.body)
    }
}
