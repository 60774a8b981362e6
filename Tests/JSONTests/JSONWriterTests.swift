import TestSupport
import Testing

@testable import JSON

@Suite("JSON writer")
struct JSONWriterTests {
    @Test(
        "a value is written compactly",
        arguments: [
            (JSON.null, "null"), (true, "true"), (false, "false"), (0, "0"), (-12, "-12"),
            (.int(.min), "-9223372036854775808"),
            (.uint(.max), "18446744073709551615"), (1.5, "1.5"), (.double(1e308), "1e+308"), (.double(0.1), "0.1"),
            (.double(.leastNonzeroMagnitude), "5e-324"), (.double(-0.0), "-0.0"), ([], "[]"),
            ([1, "a", nil], #"[1,"a",null]"#), ([:], "{}"),
            (["a": ["b": []]], #"{"a":{"b":[]}}"#),
        ] as [(JSON, String)])
    func values(value: JSON, expected: String) {
        #expect(value.text == expected)
    }

    @Test(
        "a string is escaped where it must be",
        arguments: [
            ("", #""""#), ("a\"b\\c/", #""a\"b\\c/""#), ("\u{8}\u{C}\n\r\t", #""\b\f\n\r\t""#),
            ("\u{0}\u{1F}\u{7F}", "\"\\u0000\\u001f\u{7F}\""), ("<b>&amp;", #""\u003cb>&amp;""#),
            ("a\u{2028}b\u{2029}", #""a\u2028b\u2029""#), ("€ “x” \u{2027}\u{202A}", "\"€ “x” \u{2027}\u{202A}\""),
            ("é😀", #""é😀""#), ("</script>", #""\u003c/script>""#), ("<!--<script>", #""\u003c!--\u003cscript>""#),
            ("a<br>b<br/><BR><br", #""a<br>b\u003cbr/>\u003cBR>\u003cbr""#), ("<<br>", #""\u003c<br>""#),
        ])
    func strings(text: String, expected: String) {
        #expect(JSON.string(text).text == expected)
        #expect(JSONObject(members: [(text, 1)]).text == "{\(expected):1}")
    }

    @Test("nothing in a string ends a script element or begins a comment in it", arguments: [1, 2] as [UInt64])
    func scripts(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let pieces = ["<", "</", "script", "SCRIPT>", "!--", "<br>", "<br", ">", "&lt;", "/", "-->", "\u{2028}", "]]>"]
        for _ in 0..<5000 {
            let text = (0..<6).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            let written = JSON.string(text).text
            let rest = written.replacing("<br>", with: "")
            #expect(!rest.contains("<") && !written.contains("\u{2028}"), "seed \(seed): \(written)")
        }
    }

    @Test(
        "sizes are counted without writing",
        arguments: [
            (#"{}"#, 2, 2), (#"{"a":[]}"#, 8, 8), (#"{"a":[1,"b",null,{"c":true}]}"#, 29, 29),
            (#"{"t":"<<br>\"\u0001\n\u2028é"}"#, 36, 28), (#"{"n":[9e15,-1.5,0.25]}"#, 36, 22),
            (#"{ "a" : "\u0061" }"#, 9, 9),
        ])
    func sizes(text: String, written: Int, least: Int) throws {
        let object = try JSONParser(maxBytes: 1000).parseObject(Array(text.utf8))
        #expect(object.byteCount == object.bytes.count && object.byteCount == written)
        #expect(object.leastByteCount == least)
    }

    @Test("infinity and not-a-number, which JSON lacks, become null")
    func notFinite() {
        #expect(JSON.array([.double(.infinity), .double(-.infinity), .double(.nan)]).text == "[null,null,null]")
    }

    @Test("writing appends to what is there")
    func appends() {
        var bytes = [UInt8]("x=".utf8)
        JSON.int(10).write(into: &bytes)
        JSONObject().write(into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "x=10{}")
    }

    @Test("every character below U+3000 survives writing and reading")
    func characters() throws {
        var text = ""
        for scalar in 0..<0x3000 { text.unicodeScalars.append(try #require(Unicode.Scalar(scalar))) }
        let value: JSON = [.string(text), [text: .string(text)]]
        #expect(try JSONParser(maxBytes: 1 << 20).parse(value.bytes) == value)
    }
}
