import JSON
import Pipeline
import Testing

@testable import Connectors

@Suite("answers of an exec program")
struct ExecAnswerTests {
    private func outcome(_ answer: String, to event: String = #"{"thread":"1","n":7}"#) throws -> String {
        let parser = JSONParser(maxBytes: 1000)
        let event = Event(fields: try parser.parseObject(Array(event.utf8)), raw: Array(event.utf8))
        do {
            switch try ExecAnswer.disposition(of: parser.parse(Array(answer.utf8)), to: event) {
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
            (#"{ "thread": "1", "html": "<b>" }"#, #"{"thread":"1","html":"\u003cb\u003e"}"#),
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
}
