import JSON
import Pipeline
import Testing

@testable import Comments

@Suite("format")
struct CommentFormatterTests {
    private func format(_ text: String, _ options: FormatOptions = FormatOptions()) throws -> String {
        var fields = try event(text).fields
        CommentFormatter(options: options).format(&fields)
        return fields.text
    }

    @Test("text becomes html and goes, unless it is to be kept")
    func text() throws {
        #expect(try format(#"{"id":"1","text":"a\nb"}"#) == #"{"id":"1","html":"a<br>b"}"#)
        #expect(
            try format(#"{"text":"a\nb"}"#, FormatOptions(keepText: true))
                == #"{"text":"a\nb","html":"a<br>b"}"#)
    }

    @Test("html from outside never passes")
    func foreignHTML() throws {
        #expect(try format(#"{"html":"<b>","text":"a"}"#) == #"{"html":"a"}"#)
        #expect(try format(#"{"html":"<b>","html":"<i>","text":"a","html":"<u>"}"#) == #"{"html":"a"}"#)
        #expect(try format(#"{"type":"vote","html":"<b>"}"#) == #"{"type":"vote"}"#)
        #expect(try format(#"{"text":["<b>"],"html":{"a":1}}"#) == "{}")
    }

    @Test("duplicates of text do not pass beside the html")
    func duplicateText() throws {
        #expect(try format(#"{"text":"a","text":"<b>"}"#) == #"{"html":"a"}"#)
    }

    @Test("private members go, at every depth and all of them")
    func privateMembers() throws {
        let event =
            #"{"ip":1,"a":[{"email":"x","b":[[{"ip":2}]]}],"author":{"email":"y","name":"z","email":"w"},"ip":3}"#
        #expect(try format(event) == #"{"a":[{"b":[[{}]]}],"author":{"name":"z"}}"#)
        #expect(
            try format(#"{"ip":1,"phone":2}"#, FormatOptions(private: ["phone"])) == #"{"ip":1}"#)
    }

    @Test("mentions are listed unless the event has its own")
    func mentions() throws {
        #expect(try format(#"{"text":"@a @b"}"#).hasSuffix(#""mentions":["a","b"]}"#))
        #expect(try format(#"{"mentions":["x"],"text":"@a"}"#).hasPrefix(#"{"mentions":["x"],"#))
        #expect(try !format(#"{"text":"a"}"#).contains("mentions"))
    }

    @Test("names lose what reverses the text after them")
    func names() throws {
        #expect(try format(#"{"author":{"id":1,"name":"a\u202eb\u2066\n"}}"#) == #"{"author":{"id":1,"name":"ab"}}"#)
        #expect(try format(#"{"author":"a\u202eb"}"#) == #"{"author":"ab"}"#)
        #expect(try format(#"{"author":{"name":"<b>é"}}"#) == #"{"author":{"name":"\u003cb>é"}}"#)
    }

    @Test(
        "an address stays when it is http, https, mailto or relative",
        arguments: [
            "http://a.example/x?y#z", "HTTPS://a.example", "mailto:a@b.example", "/x:y", "x/y", "//a.example/x", "?a=:",
            "#:", "", "img.png", "my photo.png", "ü/x",
            "%6aavascript",
        ])
    func safe(address: String) throws {
        #expect(SafeURL.isSafe(address))
    }

    @Test(
        "any other is removed",
        arguments: [
            "javascript:alert(1)", "JavaScript:alert(1)", " javascript:x", "java\nscript:x", "\u{1}javascript:x",
            "data:text/html,x", "vbscript:x",
            "blob:x", "file:///etc", "java&#x3a;script", "javascript&colon;x", "\u{200B}javascript:x", "\\\\evil",
            "x:y", ":x", "ht\ttp ://x", "\"x",
        ])
    func unsafe(address: String) throws {
        #expect(!SafeURL.isSafe(address))
        var fields: JSONObject = [
            "url": .string(address), "images": [["src": .string(address)]], "link": [.string(address)],
        ]
        CommentFormatter(options: FormatOptions()).format(&fields)
        #expect(fields.text == #"{"images":[{}],"link":[]}"#)
    }

    /// What formatting makes of an event: the size of the published form, and the reason when it is refused.
    private func growth(_ fields: JSONObject, _ options: FormatOptions = FormatOptions()) -> (
        bytes: Int, problem: String?
    ) {
        var formatted = fields
        let problem = CommentFormatter(options: options).format(&formatted)
        return (formatted.bytes.count, problem)
    }

    @Test(
        "no text becomes more than a third longer and 2 KiB, or the event is refused",
        arguments: [
            "\"", "'", "<", ">", "&", "&lt;", "\n", "x\n", "@a ", "@a\n", "@\(String(repeating: "n", count: 60)) ",
            "http://a.bc ", "www.a.bc\n", "http://a.bc/?&&&&&&&& ", "\u{2028}", "\\", "\u{1}", "\t", "é", "😀", "<br>",
        ])
    func growth(piece: String) {
        for bytes in [16, 300, 1000, 4000, 16_384, 60_000] {
            let text = String(repeating: piece, count: max(1, bytes / piece.utf8.count))
            for member in ["text", "title"] {
                let fields: JSONObject = ["thread": "1", member: .string(text), "author": ["name": .string(text)]]
                let (size, problem) = growth(fields)
                let most = fields.leastByteCount * 133 / 100 + 2048
                #expect(
                    (problem == nil) == (size <= most), "\(bytes) of \(piece) in \(member): \(size), \(problem ?? "")")
            }
        }
    }

    @Test("an ordinary text of code, of short lines or of many links is not refused")
    func ordinary() {
        let code = "for (auto &x : v) { if (x->a < 3 && x->b > 4) std::cout << x->name << \"\\n\"; }\n"
        let poem = "some words\n"
        let links = "see https://example.org/a/long/path?of=some&length=yes and @somebody\n"
        for piece in [code, poem, links] {
            for bytes in [500, 4000, piece == code ? 8000 : 16_000] {
                let fields: JSONObject = ["text": .string(String(repeating: piece, count: bytes / piece.utf8.count))]
                let (_, problem) = growth(fields)
                #expect(problem == nil, "\(bytes) bytes of \(piece)")
            }
        }
    }

    @Test("the reason says what is too long, and a kept text is allowed for")
    func growthReason() throws {
        let fields: JSONObject = ["text": .string(String(repeating: "&", count: 3000))]
        let problem = try #require(growth(fields).problem)
        #expect(
            problem.hasPrefix("the event of 3011 bytes would have 15011 when it is published, at most 6052 are allowed")
        )
        #expect(growth(fields, FormatOptions(maxGrowth: 500)).problem == nil)
        let kept: JSONObject = ["text": .string(String(repeating: "x", count: 10_000))]
        #expect(growth(kept, FormatOptions(keepText: true)).problem == nil)
    }

    @Test("an event that is no comment loses its private members only")
    func others() throws {
        #expect(
            try format(#"{"type":"vote","value":1,"ip":"x","note":"<b>"}"#)
                == #"{"type":"vote","value":1,"note":"\u003cb>"}"#)
    }
}
