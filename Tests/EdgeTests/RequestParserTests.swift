import TestSupport
import Testing

@testable import Edge

@Suite("Reading a request's head")
struct RequestParserTests {
    /// A head and the status that it is refused with; nil when it is valid.
    struct Sample: CustomTestStringConvertible {
        let name: String
        let text: String
        let status: HTTPStatus?
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ status: HTTPStatus? = nil) {
            self.name = name
            self.text = text
            self.status = status
        }
    }

    static let samples: [Sample] = [
        Sample("plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("with a query", "GET /v1/poll?c=thread:1@-1&timeout=5 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"),
        Sample("absolute-form", "GET http://a.example/live?x HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("absolute-form without a path", "OPTIONS http://a.example HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        Sample("HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        Sample("close among options", "GET / HTTP/1.1\r\nHost: a\r\nConnection: te , CLOSE\r\n\r\n"),
        Sample("a length", "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n"),
        Sample("chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"),
        Sample("one empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("spaces around a value", "GET / HTTP/1.1\r\nHost: \t a \t\r\nIf-None-Match:\"x\"\r\n\r\n"),
        Sample("bytes beyond ASCII in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n"),
        Sample("an expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
        Sample("absolute-form with a query only", "GET http://a.example?x=/y HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("absolute-form, in capitals", "GET HTTPS://a.example:8443/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Sample("absolute-form and an empty host", "GET http://a.example/ HTTP/1.1\r\nHost:\r\n\r\n"),
        Sample("absolute-form without Host", "GET http://a.example/ HTTP/1.1\r\n\r\n", .badRequest),
        Sample("absolute-form with a user", "GET http://u@a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("absolute-form without a host", "GET http:///live HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("absolute-form with a port only", "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("another scheme", "GET ftp://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("authority-form", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
        Sample("authority-form of another method", "GET a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("asterisk-form of another method", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("an IPv6 host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n"),
        Sample("an escaped host", "GET / HTTP/1.1\r\nHost: a%c3%a4.example\r\n\r\n"),
        Sample("a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badRequest),
        Sample("a host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .badRequest),
        Sample("a list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .badRequest),
        Sample("a host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", .badRequest),
        Sample("a host with a named port", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", .badRequest),
        Sample("a host with a broken escape", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", .badRequest),
        Sample("a host with bytes beyond ASCII", "GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n", .badRequest),
        Sample("a host in open brackets", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .badRequest),
        Sample("a host behind brackets", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", .badRequest),
        Sample("a port without a host", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", .badRequest),
        Sample("two origins", "GET / HTTP/1.1\r\nHost: a\r\nOrigin:\r\nOrigin: http://a\r\n\r\n", .badRequest),
        Sample(
            "two sites", "GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n\r\n",
            .badRequest),
        Sample("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("no host", "GET / HTTP/1.1\r\n\r\n", .badRequest),
        Sample("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .badRequest),
        Sample("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .badRequest),
        Sample("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", .badRequest),
        Sample("bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .badRequest),
        Sample("bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", .badRequest),
        Sample("bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("NUL in a value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", .badRequest),
        Sample("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("a folded field", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", .badRequest),
        Sample("a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .badRequest),
        Sample("a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", .badRequest),
        Sample("a tab before the colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 3\r\n\r\n", .badRequest),
        Sample("a field without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", .badRequest),
        Sample("a field without a name", "GET / HTTP/1.1\r\n: a\r\n\r\n", .badRequest),
        Sample(
            "two lengths that agree", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            .badRequest),
        Sample(
            "two lengths that differ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\ncontent-length: 4\r\n\r\n",
            .badRequest),
        Sample("a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", .badRequest),
        Sample("a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", .badRequest),
        Sample("a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", .badRequest),
        Sample("a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", .badRequest),
        Sample("an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", .badRequest),
        Sample(
            "length, then coding",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", .badRequest),
        Sample(
            "coding, then length",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", .badRequest),
        Sample(
            "two codings",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            .badRequest),
        Sample("a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .badRequest),
        Sample("another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", .notImplemented),
        Sample(
            "a coding before chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            .notImplemented),
        Sample(
            "chunked with a tail", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
            .notImplemented),
        Sample(
            "chunked after VT", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n", .badRequest),
        Sample("another expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", .expectationFailed),
        Sample("HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", .versionNotSupported),
        Sample("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .versionNotSupported),
        Sample("HTTP/0.9", "GET /\r\n\r\n", .badRequest),
        Sample("a version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("a version with two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", .badRequest),
        Sample("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("a target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("a byte beyond ASCII in the target", "GET /\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n", .badRequest),
        Sample("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\r\n", .badRequest),
        Sample("a long target", "GET /" + String(repeating: "a", count: 8192) + " HTTP/1.1\r\n\r\n", .uriTooLong),
        Sample("an endless target", "GET /" + String(repeating: "a", count: 9000), .uriTooLong),
        Sample(
            "a long field", "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 16384),
            .headerFieldsTooLarge),
        Sample(
            "many fields", "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 101) + "\r\n",
            .headerFieldsTooLarge),
    ]

    /// Parses the bytes in pieces that end at these indices.
    private static func parse(_ bytes: [UInt8], ends: [Int]) -> RequestParser.Progress {
        var parser = RequestParser(limits: EdgeLimits())
        for end in ends + [bytes.count] {
            let progress = parser.parse(bytes.span.extracting(0..<end))
            if progress != .needsMore { return progress }
        }
        return .needsMore
    }

    private static func status(_ progress: RequestParser.Progress) -> HTTPStatus? {
        if case .refused(let error) = progress { error.status } else { nil }
    }

    @Test("valid heads are accepted and invalid ones get their status", arguments: samples)
    func table(_ sample: Sample) {
        let progress = Self.parse(Array(sample.text.utf8), ends: [])
        #expect(Self.status(progress) == sample.status)
        if sample.status == nil {
            guard case .complete(let head) = progress else {
                Issue.record("not complete: \(progress)")
                return
            }
            #expect(head.length == sample.text.utf8.count)
        }
    }

    @Test("the result does not depend on where a request is split", arguments: samples)
    func splits(_ sample: Sample) {
        let bytes = Array(sample.text.utf8)
        let whole = Self.parse(bytes, ends: [])
        let step = bytes.count > 1000 ? 97 : 1
        for end in stride(from: 0, to: bytes.count, by: step) {
            #expect(Self.parse(bytes, ends: [end]) == whole, "split at \(end)")
        }
        if bytes.count <= 1000 { #expect(Self.parse(bytes, ends: Array(0..<bytes.count)) == whole, "byte by byte") }
    }

    @Test("the target is split correctly")
    func target() {
        for (text, path, query) in [
            ("GET /a/b?c=d&e HTTP/1.1\r\nHost: a\r\n\r\n", "/a/b", "c=d&e"),
            ("GET http://h:1/a?q HTTP/1.1\r\nHost: a\r\n\r\n", "/a", "q"),
            ("GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "/", ""),
            ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "/a", ""),
        ] {
            let bytes = Array(text.utf8)
            guard case .complete(let head) = Self.parse(bytes, ends: []) else {
                Issue.record("not complete: \(text)")
                continue
            }
            #expect(String(decoding: bytes[head.path], as: UTF8.self) == path)
            #expect(String(decoding: bytes[head.query], as: UTF8.self) == query)
        }
    }

    @Test(
        "the authority of a target replaces Host, whose field must be there and valid all the same",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a.example:1\r\n\r\n", "a.example:1", "/"),
            ("GET http://b.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", "b.example", "/x"),
            ("GET https://[::1]:8080?x=http://c/ HTTP/1.1\r\nHost: a\r\n\r\n", "[::1]:8080", ""),
            ("GET http://b.example HTTP/1.0\r\n\r\n", "b.example", ""),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a", "*"), ("GET / HTTP/1.0\r\n\r\n", "", "/"),
        ])
    func authority(text: String, host: String, path: String) {
        let bytes = Array(text.utf8)
        guard case .complete(let head) = Self.parse(bytes, ends: []) else {
            Issue.record("not complete: \(text)")
            return
        }
        #expect(String(decoding: bytes[head.host], as: UTF8.self) == host)
        #expect(String(decoding: bytes[head.path], as: UTF8.self) == path)
    }

    @Test("pipelined requests are left alone")
    func pipelined() {
        let first = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        guard case .complete(let head) = Self.parse(Array((first + "GARBAGE\n\n").utf8), ends: []) else {
            Issue.record("not complete")
            return
        }
        #expect(head.length == first.utf8.count)
    }

    @Test("no input crashes the parser, and splitting it changes nothing")
    func fuzz() {
        var random = SplitMix64()
        let pieces: [[UInt8]] = [
            "GET ", "POST ", "/", "/v1/poll?c=", " HTTP/1.1", " HTTP/1.0", "\r\n", "\r", "\n", "Host: a",
            "Content-Length: ",
            "5", "Transfer-Encoding: chunked", ":", " ", "\t", "\0", "\r\n\r\n", "Expect: 100-continue", "%", "?", "#",
            "é",
        ].map { Array($0.utf8) }
        for round in 0..<3000 {
            var bytes: [UInt8] = round % 2 == 0 ? Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8) : []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                bytes += pieces.randomElement(using: &random)!
                if Int.random(in: 0..<8, using: &random) == 0 {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                }
            }
            let whole = Self.parse(bytes, ends: [])
            var ends = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                Int.random(in: 0...bytes.count, using: &random)
            }
            ends.sort()
            #expect(
                Self.parse(bytes, ends: ends) == whole,
                "seed \(random.seed): \(String(decoding: bytes, as: UTF8.self).debugDescription) split at \(ends)")
        }
    }
}
