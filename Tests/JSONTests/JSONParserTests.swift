import JSON
import Testing

private func parse(_ text: String, maxBytes: Int = 1 << 20, maxDepth: Int = 64) throws(JSONError) -> JSON {
    try JSONParser(maxBytes: maxBytes, maxDepth: maxDepth).parse([UInt8](text.utf8))
}

private func code(_ bytes: [UInt8], maxBytes: Int = 1 << 20, maxDepth: Int = 64) -> JSONError.Code? {
    do throws(JSONError) {
        _ = try JSONParser(maxBytes: maxBytes, maxDepth: maxDepth).parse(bytes)
        return nil
    } catch {
        return error.code
    }
}

private func code(_ text: String) -> JSONError.Code? { code([UInt8](text.utf8)) }

@Suite("JSON parser")
struct JSONParserTests {
    @Test("every kind of value comes out as what it is")
    func kinds() throws {
        let value = try parse(#" {"n":null,"t":true,"f":false,"i":-7,"d":1.5,"s":"é","a":[1,[]],"o":{"":{}}} "#)
        let expected: JSON = [
            "n": nil, "t": true, "f": false, "i": -7, "d": 1.5, "s": "é", "a": [1, []], "o": ["": [:]],
        ]
        #expect(value == expected)
        #expect(value["i"]?.int == -7)
        #expect(value["s"]?.string == "é")
        #expect(value["t"]?.bool == true)
        #expect(value["a"]?.array?.count == 2)
        #expect(value["o"]?.object?.keys == [""])
        #expect(value["n"]?.isNull == true)
        #expect(value["missing"] == nil)
    }

    @Test("a value alone is a document", arguments: ["null", "true", "12", "\"x\"", "[]", "{}", " 1.25 "])
    func scalars(text: String) throws {
        #expect(throws: Never.self) { try parse(text) }
    }

    @Test("a shorter document is not mixed up with the longer one before it")
    func reuse() throws {
        let parser = JSONParser(maxBytes: 100)
        #expect(try parser.parse([UInt8]("123456789".utf8)) == 123_456_789)
        #expect(try parser.parse([UInt8]("12".utf8)) == 12)
        #expect(try parser.parse([UInt8](#""a long string comes first""#.utf8)) == "a long string comes first")
        #expect(code(#""a"#) == .string)
        #expect(try parser.parse([UInt8]("[1]".utf8)) == [1])
    }

    @Test(
        "numbers keep their value and their kind",
        arguments: [
            ("0", JSON.int(0)), ("-0", .int(0)), ("9223372036854775807", .int(.max)),
            ("-9223372036854775808", .int(.min)), ("9223372036854775808", .uint(1 << 63)),
            ("18446744073709551615", .uint(.max)), ("1e308", .double(1e308)), ("-1E-5", .double(-0.00001)),
            ("5e-324", .double(.leastNonzeroMagnitude)), ("1e-400", .double(0)), ("0.1", .double(0.1)),
            ("1.0", .double(1)),
            ("-0.0", .double(-0.0)),
        ] as [(String, JSON)])
    func numbers(text: String, expected: JSON) throws {
        #expect(try parse(text) == expected)
        #expect(try parse("[\(text)]") == .array([expected]))
    }

    @Test(
        "a number that does not fit or is none is refused",
        arguments: [
            "18446744073709551616", "-9223372036854775809", "1e309", "-1e400", "01", "1.", ".5", "+1", "1e", "0x10",
            "--1",
            "NaN", "Infinity", "-", "1_000", "99999999999999999999999999",
        ])
    func badNumbers(text: String) {
        #expect(code("[\(text)]") != nil)
        #expect(code(text) != nil)
    }

    @Test("the error for a number that does not fit says what to do")
    func numberMessage() {
        #expect {
            try parse("[18446744073709551616]")
        } throws: { error in
            (error as? JSONError)?.code == .number && "\(error)".contains("send it as a string")
        }
    }

    @Test(
        "what is no JSON is refused, each with its code",
        arguments: [
            ("", .empty), (" \n\t", .empty), ("{", .syntax), ("[1,]", .syntax), ("{\"a\":1,}", .syntax),
            ("{a:1}", .syntax),
            ("{'a':1}", .syntax), ("[1] [2]", .syntax), ("tru", .syntax), ("nul", .syntax), ("\"abc", .string),
            ("\"\\x\"", .string), ("\"\\u12\"", .string), ("\"a\nb\"", .string), ("\u{FEFF}{}", .syntax),
            ("{}x", .syntax),
            ("{\"a\"}", .syntax), ("{1:2}", .syntax), ("]", .syntax), ("// x\n1", .syntax),
        ] as [(String, JSONError.Code)])
    func refused(text: String, expected: JSONError.Code) {
        #expect(code(text) == expected)
    }

    @Test("a byte order mark is named in the error")
    func byteOrderMark() {
        #expect(throws: JSONError.self) { try parse("\u{FEFF}{}") }
        #expect { try parse("\u{FEFF}{}") } throws: { ($0 as? JSONError)?.message.contains("byte order mark") == true }
    }

    @Test(
        "bytes that are no UTF-8 are refused",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80],
            [0xF8, 0x88, 0x80],
        ] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(code([quote] + bytes + [quote]) == .notUTF8)
    }

    @Test(
        "half of a surrogate pair becomes the replacement character, a pair stays",
        arguments: [
            (#""\ud83d\ude00""#, "😀"), (#""\ud83d""#, "\u{FFFD}"), (#""\ude00""#, "\u{FFFD}"),
            (#""\uDBFFx""#, "\u{FFFD}x"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (#""\ud83d\n""#, "\u{FFFD}\n"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\\ud83d""#, #"\ud83d"#),
            (#""\\\ud83d""#, "\\\u{FFFD}"), (#""\uD83D\uDE00\uDE00""#, "😀\u{FFFD}"),
        ])
    func surrogates(text: String, expected: String) throws {
        #expect(try parse(text) == .string(expected))
        #expect(try parse("{\(text):1}").object?.keys == [expected])
    }

    @Test("every escape is read, NUL too")
    func escapes() throws {
        let value = try parse(#""\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC""#)
        #expect(value == .string("\"\\/\u{8}\u{C}\n\r\t\u{0}é€"))
        #expect(try parse(#"{"a\u0000b":"\u0000"}"#).object?["a\u{0}b"] == "\u{0}")
        #expect(code([0x22, 0x00, 0x22]) == .string)
    }

    @Test("nesting up to the limit is taken, one more is not", arguments: [1, 2, 64, 1024])
    func depth(limit: Int) {
        func nested(_ open: String, _ close: String, _ levels: Int) -> [UInt8] {
            [UInt8]((String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels)).utf8)
        }
        #expect(code(nested("[", "]", limit), maxDepth: limit) == nil)
        #expect(code(nested("[", "]", limit + 1), maxDepth: limit) == .tooDeep)
        #expect(code(nested("{\"a\":", "}", limit), maxDepth: limit) == nil)
        #expect(code(nested("{\"a\":", "}", limit + 1), maxDepth: limit) == .tooDeep)
    }

    @Test("a document up to the limit is taken, one byte more is not")
    func size() throws {
        let fits = [UInt8]("\"\(String(repeating: "x", count: 98))\"".utf8)
        #expect(code(fits, maxBytes: 100) == nil)
        #expect(code(fits + [0x20], maxBytes: 100) == .tooLarge)
        // Not even two million brackets exhaust the stack.
        let brackets = [UInt8](repeating: 0x5B, count: 1_000_000) + [UInt8](repeating: 0x5D, count: 1_000_000)
        #expect(code(brackets, maxBytes: 1 << 22) == .tooDeep)
    }

    @Test("a string of a megabyte comes through")
    func hugeString() throws {
        let text = String(repeating: "é\"<", count: 300_000)
        let bytes = JSON.string(text).bytes
        #expect(try JSONParser(maxBytes: 1 << 23).parse(bytes) == .string(text))
    }

    @Test("an array with more elements than the tape can count comes through")
    func manyElements() throws {
        let count = 200_000
        let text = "[" + String(repeating: "1,", count: count - 1) + "1]"
        #expect(try parse(text).array?.count == count)
    }

    @Test("only an object passes as an object, and the error names what came", arguments: ["[]", "1", "\"x\"", "null"])
    func objects(text: String) throws {
        let parser = JSONParser(maxBytes: 100)
        #expect(try parser.parseObject([UInt8]("{\"a\":1}".utf8))["a"] == 1)
        #expect {
            try parser.parseObject([UInt8](text.utf8))
        } throws: {
            ($0 as? JSONError)?.code == .notAnObject
        }
    }

    @Test("a buffer may be parsed in place")
    func buffer() throws {
        let parser = JSONParser(maxBytes: 100)
        let lines = [UInt8]("{\"a\":1}\n{\"a\":2}".utf8)
        let (first, second) = try lines.withUnsafeBytes { buffer in
            (
                try parser.parseObject(UnsafeRawBufferPointer(rebasing: buffer[..<7])),
                try parser.parse(UnsafeRawBufferPointer(rebasing: buffer[8...]))
            )
        }
        #expect(first == ["a": 1])
        #expect(second == ["a": 2])
        #expect(throws: JSONError.self) { try parser.parse(UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    private func only(_ keys: [StaticString], of text: String) throws(JSONError) -> JSONObject {
        let bytes = [UInt8](text.utf8)
        let result = bytes.withUnsafeBytes { buffer -> Result<JSONObject, JSONError> in
            do throws(JSONError) {
                return .success(try JSONParser(maxBytes: 1 << 20).parseObject(buffer, only: keys))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    @Test("of an object only the members that are asked for are built, wherever they stand, duplicates included")
    func onlySome() throws {
        let text = """
            {"a":[1,[2.5,{"thread":0}],"x"],"thread":"t","b":{"_v":1,"c":{}},"d":18446744073709551615,"e":null,
            "thread":{"n":[1]},"f":-1,"\\u005fv":7,"thread2":1,"threa":2,"g":true}
            """
        let found = try only(["thread", "_v"], of: text)
        #expect(found.keys == ["thread", "thread", "_v"])
        #expect(found["thread"]?.string == "t")
        #expect(found.members[1].value == ["n": [1]])
        #expect(found["_v"]?.int == 7)
        #expect(try only([], of: text).isEmpty)
        #expect(try only(["x"], of: "{}").isEmpty)
    }

    @Test("what is passed over is checked all the same")
    func onlySomeOfNonsense() {
        for (text, code) in [
            (#"{"thread":"t","x":"\q"}"#, JSONError.Code.string), (#"{"thread":"t","x":01}"#, .number),
            (#"{"thread":"t"} x"#, .syntax), ("[1]", .notAnObject), ("7", .notAnObject), (" ", .empty), ("", .empty),
            (#"{"thread":"t","x":}"#, .syntax), ("{\"thread\":\"t\"}\0", .syntax),
        ] {
            #expect(throws: JSONError.self, "\(text)") { try only(["thread"], of: text) }
            do { _ = try only(["thread"], of: text) } catch { #expect(error.code == code, "\(text)") }
        }
    }
}
