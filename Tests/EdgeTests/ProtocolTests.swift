import Events
import TestSupport
import Testing

@testable import Edge

@Suite("Small parts of the protocols")
struct ProtocolTests {
    @Test("a cursor is the number of the interval, and always greater than the client's")
    func cursor() {
        var random = SplitMix64(seed: 1)
        let now: Int64 = 1_728_432_000 + 20 * 1000 + 7
        #expect(StreamCursor.next(after: nil, now: now, using: &random) == 1000)
        #expect(StreamCursor.next(after: 999, now: now, using: &random) == 1000)
        for client in [Int64(1000), 1001, 5000] {
            #expect(StreamCursor.next(after: client, now: now, using: &random) > client)
        }
    }

    @Test("If-None-Match matches a tag alone, in a list, weakly, or any tag")
    func entityTag() {
        let tag = "\"a-b\""
        for field in ["\"a-b\"", "W/\"a-b\"", "\"x\", \"a-b\"", "\"x\",\tW/\"a-b\" ", "*"] {
            #expect(EntityTag.matches(field, tag), "\(field)")
        }
        for field in ["", "a-b", "\"a\"", "\"a-b", "w/\"a-b\""] { #expect(!EntityTag.matches(field, tag), "\(field)") }
    }

    @Test("an event is valid JSON on one line, whatever was published")
    func eventText() {
        let text = EventText()
        for (event, expected) in [
            ("{\"a\":1}", "{\"a\":1}"), ("{\r\n\"a\": \"x\\n\"\n}", "{  \"a\": \"x\\n\" }"), ("null", "null"),
            ("hello", "\"hello\""), ("{\"a\":", "\"{\\\"a\\\":\""), ("1,2", "\"1,2\""), ("", "\"\""),
            ("a\nb", "\"a\\nb\""),
        ] {
            #expect(String(decoding: text.normalized(Array(event.utf8)), as: UTF8.self) == expected)
        }
    }

    @Test("addresses are parsed, and malformed ones refused")
    func addresses() throws {
        #expect(try ListenAddress(parsing: "127.0.0.1:8080") == .tcp(host: "127.0.0.1", port: 8080))
        #expect(try ListenAddress(parsing: "[::1]:80") == .tcp(host: "::1", port: 80))
        #expect(try ListenAddress(parsing: ":0") == .tcp(host: "", port: 0))
        #expect(try ListenAddress(parsing: "unix:/tmp/e") == .unix(path: "/tmp/e"))
        for text in [
            "", "localhost", "::1:80", "a:b", "a:70000", "unix:", "unix:/" + String(repeating: "a", count: 120),
        ] {
            #expect(throws: EventsError.self, "\(text)") { try ListenAddress(parsing: text) }
        }
        for text in ["127.0.0.1:8080", "[::1]:80", "unix:/tmp/e"] {
            #expect(try ListenAddress(parsing: text).description == text)
        }
    }
}
