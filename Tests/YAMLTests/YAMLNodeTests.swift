import TestSupport
import Testing

@testable import YAML

@Suite("YAML")
struct YAMLNodeTests {
    /// A node in short: texts in quotation marks, lists in brackets, members in braces.
    private static func short(_ node: YAMLNode?) -> String {
        switch node?.content {
        case nil: "nothing"
        case .scalar(let text)?: "\"\(text)\""
        case .sequence(let elements)?: "[\(elements.map(short).joined(separator: ","))]"
        case .mapping(let members)?:
            "{\(members.map { "\"\($0.key)\":\(short($0.value))" }.joined(separator: ","))}"
        }
    }

    @Test(
        "values are what is written",
        arguments: [
            ("", "nothing"), ("# nothing\n", "nothing"), ("---\n...\n", #""""#), ("~", #""~""#), ("''", #""""#),
            ("a: 1\nb: 'x y'\nc: \"t\\tu\"", #"{"a":"1","b":"x y","c":"t\#tu"}"#),
            ("a:\n  - x\n  - [y, z]\n  - { k: v }\n", #"{"a":["x",["y","z"],{"k":"v"}]}"#),
            ("a:\nb: null\n", #"{"a":"","b":"null"}"#), ("[]", "[]"), ("{}", "{}"), ("- - - x", #"[[["x"]]]"#),
            // Nothing is read into a text: no truth, no number, no date.
            (
                "[yes, No, on, OFF, true, 0x10, 010, 1_000, 1e3, .inf, 2026-01-01, 12:30:45, '7']",
                #"["yes","No","on","OFF","true","0x10","010","1_000","1e3",".inf","2026-01-01","12:30:45","7"]"#
            ),
            ("{ a: !!str 7, b: !own x }", #"{"a":"7","b":"x"}"#),
            ("a: |\n  one\n  two\nb: >\n  one\n  two\n", "{\"a\":\"one\ntwo\n\",\"b\":\"one two\n\"}"),
            ("a: |-\n  one", #"{"a":"one"}"#), ("a: |+\n  one\n\n", "{\"a\":\"one\n\n\"}"),
            ("\"\\0\\x41\\u00e9\\U0001F600\"", "\"\u{0}Aé😀\""), ("é: 日本", #"{"é":"日本"}"#),
            ("\u{FEFF}a: b", #"{"a":"b"}"#),
            ("a: b\r\nc: d\r\n", #"{"a":"b","c":"d"}"#), ("? a\n: b", #"{"a":"b"}"#),
            ("{ a, b: c }", #"{"a":"","b":"c"}"#),
            ("%YAML 1.1\n---\na: b", #"{"a":"b"}"#), ("a: b # c", #"{"a":"b"}"#), ("a: b#c", #"{"a":"b#c"}"#),
            // Anchors: the last one of a name holds.
            ("a: &x [1, 2]\nb: *x", #"{"a":["1","2"],"b":["1","2"]}"#), ("&k a: *k", #"{"a":"a"}"#),
            ("[&x 1, *x, &x 2, *x]", #"["1","1","2","2"]"#),
            ("a: &x { y: 1 }\nb:\n  <<: *x", #"{"a":{"y":"1"},"b":{"<<":{"y":"1"}}}"#),
        ])
    func values(text: String, expected: String) throws {
        #expect(try Self.short(YAMLNode.parse(text)) == expected)
    }

    @Test("each value and each key knows its place")
    func places() throws {
        let root = try #require(try YAMLNode.parse("# first\na: 1\nb:\n  - x\n  - &n { c: d,\n      e: f }\n  - *n\n"))
        let members = try #require(root.mapping)
        #expect(root.line == 2 && root.column == 1)
        #expect(members.map(\.line) == [2, 3])
        #expect(members[0].value.line == 2 && members[0].value.column == 4)
        let list = try #require(members[1].value.sequence)
        #expect(list.map(\.line) == [4, 5, 5] && list.map(\.column) == [5, 5, 5])
        #expect(list[1].mapping?.map(\.line) == [5, 6])
    }

    @Test(
        "what is no document, or is not taken, is refused with its line",
        arguments: [
            ("a: [", 2, "did not find expected node content"), ("a: b: c", 1, "mapping values are not allowed"),
            ("a: 1\n b: 2", 2, "mapping values are not allowed"), ("a: 'x", 1, "found unexpected end of stream"),
            ("a: 1\n\tb: 2", 2, "found a tab character"), ("- a\nb", 3, "could not find expected ':'"),
            ("a: *x", 1, "found undefined alias"), ("a: &x [*x]", 1, "found undefined alias"),
            ("a: 1\n---\nb: 2", 2, "found another document"), ("a: 1\nb: 2\na: 3", 3, "the key 'a' stands twice"),
            ("{ x: { a: 1, 'a': 2 } }", 1, "the key 'a' stands twice"), ("? [a]\n: b", 1, "a key is no text"),
            ("&x [a]: b", 1, "a key is no text"), ("a: \"\\q\"", 1, "found unknown escape character"),
            ("a: 1\nb: \u{1}", 2, "control characters are not allowed"), ("%BAD\u{7F}", 1, ""),
            ("a: @b", 1, "found character"),
            ("!<x", 1, "did not find the expected '>'"),
        ])
    func errors(text: String, line: Int, problem: String) {
        #expect {
            try YAMLNode.parse(text)
        } throws: { error in
            guard let error = error as? YAMLError else { return false }
            if error.line != line || !error.problem.contains(problem) { Issue.record("\(error)") }
            return true
        }
    }

    @Test("nesting has a bound, and no text reaches the end of the stack")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try YAMLNode.parse(nested(YAMLNode.maxDepth)) }
        for depth in [YAMLNode.maxDepth + 2, 100_000] {
            #expect(throws: YAMLError.self) { try YAMLNode.parse(nested(depth)) }
            #expect(throws: YAMLError.self) { try YAMLNode.parse(String(repeating: "- ", count: depth) + "x") }
            #expect(throws: YAMLError.self) { try YAMLNode.parse(String(repeating: "{a: ", count: depth)) }
        }
        // A few lines that name two of the line before each: nothing is copied.
        var bomb = "a0: &a0 [x, x]\n"
        for number in 1..<60 { bomb += "a\(number): &a\(number) [*a\(number - 1), *a\(number - 1)]\n" }
        #expect(try YAMLNode.parse(bomb)?.mapping?.count == 60)
    }

    @Test("two documents are equal when they say the same, wherever it stands")
    func equality() throws {
        let one = try YAMLNode.parse("a: [1, x]\nb: { c: d }")
        #expect(try one == YAMLNode.parse("# moved\n\na:\n- '1'\n- \"x\"\nb:\n  c: d\n"))
        for other in ["a: [1]\nb: { c: d }", "a: [1, y]\nb: { c: d }", "b: { c: d }\na: [1, x]", "a: [1, x]", "[a, b]"]
        {
            #expect(try one != YAMLNode.parse(other))
        }
        // Letters that look alike are different bytes.
        #expect(try YAMLNode.parse("{ \"\\u00e9\": 1, \"e\\u0301\": 2 }")?.mapping?.count == 2)
    }

    @Test("no bytes crash the parser")
    func noise() {
        var random = SplitMix64()
        let pieces = [
            "a", ":", " ", "\n", "-", "[", "]", "{", "}", "&x", "*x", "!", "|", ">", "'", "\"", "\\", "#", "?", ",",
            "\t", "é", "%", "---", "...", "\u{0}", "\u{85}", "\u{2028}", "<<", "~",
        ]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            _ = try? YAMLNode.parse(text.joined())
        }
    }
}
