import JSON
import Testing

@Suite("JSON object")
struct JSONObjectTests {
    private let twice = JSONObject(members: [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)])

    @Test("reading finds the first of several")
    func first() {
        #expect(twice["a"] == 1)
        #expect(twice["z"] == nil)
    }

    @Test("setting replaces in place and leaves one")
    func replace() {
        var object = twice
        object["a"] = 9
        #expect(object.text == #"{"a":9,"b":2,"c":4}"#)
        object["b"] = "x"
        #expect(object.text == #"{"a":9,"b":"x","c":4}"#)
    }

    @Test("setting a new key appends")
    func append() {
        var object = JSONObject()
        object["b"] = 1
        object["a"] = 2
        #expect(object.keys == ["b", "a"])
        #expect(object.count == 2)
    }

    @Test("setting nil removes every duplicate")
    func remove() {
        var object = twice
        object["a"] = nil
        #expect(object.text == #"{"b":2,"c":4}"#)
        object["z"] = nil
        #expect(object.count == 2)
    }

    @Test("a parsed object keeps its duplicates and its order")
    func duplicatesSurvive() throws {
        let text = #"{"b":1,"a":2,"b":3}"#
        #expect(try JSONParser(maxBytes: 100).parseObject([UInt8](text.utf8)).text == text)
    }

    @Test("members may be changed and removed in one pass")
    func retain() {
        var object: JSONObject = ["a": 1, "b": ["x": 1], "c": 3, "d": 4]
        object.retainMembers { key, value in
            if case .object(var inner) = value {
                inner["y"] = 2
                value = .object(inner)
            }
            return key != "a" && key != "c"
        }
        #expect(object.text == #"{"b":{"x":1,"y":2},"d":4}"#)
        object.retainMembers { _, _ in false }
        #expect(object.isEmpty)
    }

    @Test("keys and strings that only look alike are different")
    func bytes() {
        let object: JSONObject = ["\u{E9}": 1, "e\u{301}": 2]
        #expect(object["e\u{301}"] == 2)
        #expect(JSON.string("\u{E9}") != JSON.string("e\u{301}"))
    }
}
