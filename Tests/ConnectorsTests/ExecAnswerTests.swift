import JSON
import Pipeline
import Testing

@testable import Connectors

@Suite("answers of an exec program")
struct ExecAnswerTests {
    private func outcome(
        _ answer: String, to event: String = #"{"thread":"1","n":7}"#, isNumbered: Bool = false
    ) throws -> String {
        let parser = JSONParser(maxBytes: 1000)
        let event = Event(fields: try parser.parseObject(Array(event.utf8)), raw: Array(event.utf8))
        do {
            switch try ExecAnswer.disposition(of: parser.parse(Array(answer.utf8)), to: event, isNumbered: isNumbered) {
            case .forward(let events):
                return events.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: " ")
            case .drop(let reason): return "drop: \(reason)"
            case .reject(let reason): return "reject: \(reason)"
            case .assign, .publish, .hold: return "?"
            }
        } catch let error as ExecAnswer.InvalidAnswer {
            return "invalid: \(error.reason)"
        }
    }

    @Test(
        "an object goes on, an array of objects goes on as many, null and an empty array drop the event",
        arguments: [
            (#"{"thread":"1","s":2}"#, #"{"thread":"1","s":2}"#),
            (#"{ "thread": "1", "html": "<b>" }"#, #"{"thread":"1","html":"\u003cb>"}"#),
            (#"[{"thread":"1"},{"thread":"1","b":[]}]"#, #"{"thread":"1"} {"thread":"1","b":[]}"#),
            ("null", "drop: by_program"), ("[]", "drop: by_program"),
        ])
    func answers(answer: String, expected: String) throws {
        #expect(try outcome(answer) == expected)
    }

    @Test(
        "what is neither is the program's fault", arguments: ["1", #""x""#, "true", "[1]", #"[{"thread":"1"},null]"#])
    func invalid(answer: String) throws {
        #expect(try outcome(answer).hasPrefix("invalid: "))
    }

    @Test("an event must stay in its conversation", arguments: [#"{"thread":"2"}"#, #"{"thread":1}"#, "{}"])
    func thread(answer: String) throws {
        #expect(try outcome(answer).hasPrefix(#"reject: the program changed the event's thread from "1" to "#))
        #expect(try outcome("[\(answer)]").hasPrefix("reject: "))
    }

    @Test("an event without a conversation stays without one")
    func threadless() throws {
        #expect(try outcome(#"{"n":1}"#, to: "{}") == #"{"n":1}"#)
        #expect(try outcome(#"{"thread":"1"}"#, to: "{}").hasPrefix("reject: "))
    }

    @Test(
        "the number of the line is taken out of the answer; an object without other members drops the event",
        arguments: [
            (#"{"_line":1,"thread":"1","s":2}"#, #"{"thread":"1","s":2}"#),
            (#"{"thread":"1","_line":1.0}"#, #"{"thread":"1"}"#),
            (#"[{"_line":1,"thread":"1"},{"thread":"1","new":true}]"#, #"{"thread":"1"} {"thread":"1","new":true}"#),
            (#"[{"_line":1,"thread":"1"},{"_line":1,"thread":"1"}]"#, #"{"thread":"1"} {"thread":"1"}"#),
            (#"{"_line":1}"#, "drop: by_program"), (#"[{"_line":1}]"#, "drop: by_program"),
            (#"{"thread":"1","nested":{"_line":4}}"#, #"{"thread":"1","nested":{"_line":4}}"#),
            (#"{"_line":1,"thread":"2"}"#, #"reject: the program changed the event's thread from "1" to "2""#),
        ])
    func numbered(answer: String, expected: String) throws {
        #expect(try outcome(answer, isNumbered: true).hasPrefix(expected))
    }

    @Test("an event that has no other members is not dropped by its own answer")
    func empty() throws {
        #expect(try outcome(#"{"_line":1}"#, to: "{}", isNumbered: true) == "{}")
        #expect(try outcome(#"{"_line":1}"#, to: #"{"_line":9}"#, isNumbered: true) == #"{"_line":9}"#)
    }

    @Test("an event's own member of the number's name is hidden from the program and put back")
    func own() throws {
        let event = try ExecBench.event(#"{"thread":"1","_line":{"x":1},"_line":2}"#)
        #expect(String(decoding: ExecLineNumber.line(of: event), as: UTF8.self) == #"{"thread":"1"}"# + "\n")
        #expect(
            try outcome(#"{"_line":1,"thread":"1"}"#, to: #"{"thread":"1","_line":{"x":1}}"#, isNumbered: true)
                == #"{"_line":{"x":1},"thread":"1"}"#)
    }

    @Test(
        "the number stands in front of the other members",
        arguments: [
            (#"{"a":1}"#, #"{"_line":7,"a":1}"#), ("{}", #"{"_line":7}"#), ("{ }", #"{"_line":7 }"#),
            (#"  { "a":{}}"#, #"{"_line":7, "a":{}}"#),
        ])
    func written(line: String, expected: String) {
        #expect(String(decoding: ExecLineNumber.write(7, into: Array(line.utf8)), as: UTF8.self) == expected)
    }

    @Test(
        "the number is read from an object and from an array's elements, which must agree",
        arguments: [
            (#"{"_line":7}"#, "7"), (#"[{"a":1},{"_line":7},{"_line":7}]"#, "7"), (#"{"_line":7.0}"#, "7"),
            (#"{"_line":-3}"#, "-3"), ("null", "none"), ("[]", "none"), (#"{"a":{"_line":7}}"#, "none"), ("3", "none"),
            (#"[{"_line":7},{"_line":8}]"#, "one answer to the lines 7 and 8"),
            (#"{"_line":"7"}"#, "a `_line` that is not the number of a line"),
            (#"{"_line":7.5}"#, "a `_line` that is not the number of a line"),
            (#"{"_line":null}"#, "a `_line` that is not the number of a line"),
            (#"{"_line":18446744073709551615}"#, "a `_line` that is not the number of a line"),
        ])
    func read(answer: String, expected: String) throws {
        let answer = try JSONParser(maxBytes: 1000).parse(Array(answer.utf8))
        do throws(ExecAnswer.InvalidAnswer) {
            #expect(try ExecLineNumber.read(from: answer).map { String($0) } ?? "none" == expected)
        } catch {
            #expect(error.reason == expected)
        }
    }
}
