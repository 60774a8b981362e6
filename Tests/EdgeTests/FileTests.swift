import TestSupport
import Testing

@testable import Edge

@Suite("Files that are served from memory")
struct FileTests {
    private static let script = "export const a = 1;\n" + String(repeating: "// a comment\n", count: 300)

    private static func edge() throws -> EdgeHarness {
        try EdgeHarness { options in
            options.files["/tidings.js"] = EdgeFile(
                body: Array(script.utf8), contentType: "text/javascript; charset=utf-8")
            options.files["/page"] = EdgeFile(
                body: Array("<p>".utf8), contentType: "text/html", contentSecurityPolicy: "default-src 'none'")
        }
    }

    @Test("a file has its type, a tag, and may be cached for a while")
    func get() throws {
        let edge = try Self.edge()
        defer { try? edge.stop() }
        let client = edge.client()
        let answer = try client.get("/tidings.js?v=1")
        #expect(answer.status == 200 && answer.text == Self.script)
        #expect(answer[header: "Content-Type"] == "text/javascript; charset=utf-8")
        #expect(answer[header: "Cache-Control"] == "public, max-age=300")
        #expect(answer[header: "Vary"] == "Accept-Encoding")
        #expect(answer[header: "Access-Control-Allow-Origin"] == "*")
        #expect(answer[header: "X-Content-Type-Options"] == "nosniff")
        #expect(answer[header: "Content-Security-Policy"] == nil)
        #expect(try client.get("/page")[header: "Content-Security-Policy"] == "default-src 'none'")
        let head = try client.request("HEAD", "/tidings.js")
        #expect(head.status == 200 && head[header: "Content-Length"] == "\(Self.script.utf8.count)")
        #expect(try client.request("POST", "/tidings.js").status == 405)
        #expect(try client.get("/tidings.css").status == 404)
    }

    @Test("a browser that has the file already gets a 304, in the form it asks for")
    func conditional() throws {
        let edge = try Self.edge()
        defer { try? edge.stop() }
        let client = edge.client()
        let plain = try #require(try client.get("/tidings.js")[header: "ETag"])
        let packed = try client.get("/tidings.js", headers: ["Accept-Encoding": "gzip"])
        #expect(packed[header: "Content-Encoding"] == "gzip" && packed.body.count < 300)
        let tag = try #require(packed[header: "ETag"])
        #expect(tag != plain && tag.hasPrefix("\"") && tag.hasSuffix("\""))
        let same = try client.get("/tidings.js", headers: ["If-None-Match": plain])
        #expect(same.status == 304 && same[header: "ETag"] == plain)
        #expect(same[header: "Cache-Control"] == "public, max-age=300")
        #expect(
            try client.get("/tidings.js", headers: ["If-None-Match": tag, "Accept-Encoding": "gzip"]).status == 304)
        #expect(try client.get("/tidings.js", headers: ["If-None-Match": tag]).status == 200)
    }

    @Test("a tag depends on the content alone")
    func tags() {
        func tag(_ text: String) -> String { EdgeFile(body: Array(text.utf8), contentType: "").tag }
        #expect(tag("a") == tag("a") && tag("a") != tag("b") && tag("") != tag("\0"))
    }
}
