import TestSupport
import Testing

@testable import Store

@Suite("a job's ticket")
struct JobTicketTests {
    private func split(_ text: String) -> (array: String, event: String)? {
        JobTicket.split(Array(text.utf8)).map {
            (String(decoding: $0.ticket.array, as: UTF8.self), String(decoding: $0.event, as: UTF8.self))
        }
    }

    @Test(
        "it is cut off and put back as it was",
        arguments: [
            (#"{"_job":["f","1","2"],"a":1}"#, #"["f","1","2"]"#, #"{"a":1}"#),
            (#"{"_job":["f","1","2"]}"#, #"["f","1","2"]"#, "{}"),
            (#"{"_job":["a\"]b","x,]","2"],"a":[1]}"#, #"["a\"]b","x,]","2"]"#, #"{"a":[1]}"#),
            (#"{"_job":["a\\","1","2"],"a":1}"#, #"["a\\","1","2"]"#, #"{"a":1}"#),
        ])
    func roundTrip(raw: String, array: String, event: String) throws {
        let parts = try #require(split(raw))
        #expect(parts.array == array)
        #expect(parts.event == event)
        let ticket = try #require(JobTicket.split(Array(raw.utf8))).ticket
        #expect(String(decoding: ticket.stamp(Array(event.utf8)), as: UTF8.self) == raw)
    }

    @Test(
        "what begins with none, or with a broken one, is left as it is",
        arguments: [
            "", "{", "{}", #"{"a":1}"#, #"{"_job":1}"#, #"{"_job":"x"}"#, #"{"_job":["f","1""#, #"{"_job":["#,
            #"{"_job":[1,2,3]}"#, #"{"_job":[["f"]]}"#, #" {"_job":["f","1","2"]}"#, #"{"a":1,"_job":["f","1","2"]}"#,
        ])
    func none(raw: String) {
        #expect(split(raw) == nil)
    }

    @Test("cutting what is random never traps and gives back what it was")
    func fuzz() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(seed: seed)
        let pieces = [#"{"_job":"#, "[", "]", "\"", "\\", ",", "}", "a", #""f","1""#]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0..<12, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            guard let (ticket, event) = JobTicket.split(Array(text.utf8)) else { continue }
            #expect(ticket.array.first == UInt8(ascii: "["), "seed \(seed): \(text)")
            #expect(event.first == UInt8(ascii: "{"), "seed \(seed): \(text)")
        }
    }
}
