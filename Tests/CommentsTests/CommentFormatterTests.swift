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
        #expect(try format(#"{"id":"1","text":"a\nb"}"#) == #"{"id":"1","html":"a\u003cbr\u003eb"}"#)
        #expect(
            try format(#"{"text":"a\nb"}"#, FormatOptions(keepText: true))
                == #"{"text":"a\nb","html":"a\u003cbr\u003eb"}"#)
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
        #expect(try format(#"{"author":{"name":"<b>é"}}"#) == #"{"author":{"name":"\u003cb\u003eé"}}"#)
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

    @Test("an event that is no comment loses its private members only")
    func others() throws {
        #expect(
            try format(#"{"type":"vote","value":1,"ip":"x","note":"<b>"}"#)
                == #"{"type":"vote","value":1,"note":"\u003cb\u003e"}"#)
    }
}
