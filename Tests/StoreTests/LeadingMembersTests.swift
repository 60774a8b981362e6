import JSON
import TestSupport
import Testing

@testable import Store

/// What the pipeline puts in front of an event's own members: the job, the version, the sender.
@Suite("the members in front of an event")
struct LeadingMembersTests {
    private let parser = JSONParser(maxBytes: 1 << 20)

    private func cut(_ text: String) -> (members: LeadingMembers, event: String) {
        let element = Array(text.utf8)
        let members = LeadingMembers(of: element, parser: parser)
        let event = members.end == 0 ? element : [UInt8(ascii: "{")] + element[members.end...]
        return (members, String(decoding: event, as: UTF8.self))
    }

    private func opening(_ members: LeadingMembers, withJob: Bool = true) -> String {
        String(decoding: members.opening(version: members.version, withJob: withJob), as: UTF8.self)
    }

    private func text(_ bytes: ArraySlice<UInt8>?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "they are cut off in one pass and put back as they were",
        arguments: [
            (#"{"_job":["f","1","2"],"_v":"7-1-0","_by":"u:42","a":1}"#, #"{"a":1}"#),
            (#"{"_v":"1795471274686744-12-3","a":1}"#, #"{"a":1}"#), (#"{"_v":"7-1-0"}"#, "{}"),
            (#"{"_job":["a\"]b","x,]","2"],"a":[1]}"#, #"{"a":[1]}"#), (#"{"_job":["a\\","1","2"]}"#, "{}"),
            (#"{"_by":"k:AAAAAAAAAAAAAAAAAAAAA_","a":1}"#, #"{"a":1}"#), (#"{"_by":"m:a\"\u0020b\\"}"#, "{}"),
        ])
    func roundTrip(_ raw: String, _ event: String) {
        let (members, rest) = cut(raw)
        #expect(rest == event)
        #expect(opening(members) + (event == "{}" ? "}" : "," + event.dropFirst()) == raw)
    }

    @Test("they are read in any order, and of two with one name the first counts")
    func order() {
        let (members, event) = cut(
            #"{"_by":"u:1","_v":"7-1-0","_by":"m:9","_v":"9-9-9","_job":["f","1","2"],"_job":["f","2","3"],"a":1}"#)
        #expect(members.sender.text == "u:1")
        #expect(text(members.version?.text) == "7-1-0")
        #expect(text(members.job?.array) == #"["f","1","2"]"#)
        #expect(event == #"{"a":1}"#)
        #expect(cut(#"{"_by":"app","_by":"m:9","a":1}"#).members.sender == .app)
        #expect(opening(members) == #"{"_job":["f","1","2"],"_v":"7-1-0","_by":"u:1""#)
        #expect(opening(members, withJob: false) == #"{"_v":"7-1-0","_by":"u:1""#)
    }

    @Test("an event that took the place of a held comment says so, and does not say it again")
    func creation() {
        let (members, event) = cut(#"{"_v":"7-1-0 created","type":"comment.edited"}"#)
        #expect(members.version?.isCreation == true)
        #expect(event == #"{"type":"comment.edited"}"#)
        #expect(opening(members) == #"{"_v":"7-1-0""#)
    }

    @Test(
        "what is none of ours stays in the event",
        arguments: [
            #"{"_v":"7-1"}"#, #"{"_v":"7-1-x"}"#, #"{"_v":"7-1-0"#, #"{"_v":7}"#, #"{"a":1,"_v":"7-1-0"}"#,
            #"{ "_v":"7-1-0"}"#, #"{"_v":"-1-0"}"#, #"{"_v":"7-1-0-2"}"#, "", "{", #"{"_v":""#, #"{"_job":1}"#,
            #"{"_job":"x"}"#, #"{"_job":["f","1""#, #"{"_job":["#, #"{"_job":[1,2,3]}"#, #"{"_job":[["f"]]}"#,
            #" {"_job":["f","1","2"]}"#, #"{"a":1,"_by":"u:1"}"#, #"{"_bye":"u:1"}"#, #"{"_by":"u:1"#, #"{"_by":"#,
            #"{"_v":"7-1-0 creat"}"#, #"{"_v":"7-1-0 created""#, #"{"\u005fby":"u:1"}"#, #"{"_"}"#,
        ])
    func foreign(_ raw: String) {
        let (members, event) = cut(raw)
        #expect(event == raw || members.version != nil)
        #expect(members.job == nil && members.sender.isApp)
    }

    @Test("a sender may be written with spaces, as other programs write JSON")
    func spaces() {
        let (members, event) = cut(#"{"_by": "u:42" , "thread": "1"}"#)
        #expect(members.sender.text == "u:42")
        #expect(event == #"{ "thread": "1"}"#)
    }

    @Test(
        "a member that should name a sender and does not is told",
        arguments: [
            #""""#, #""u:""#, #""x:1""#, "7", "null", #"["u:1"]"#, #""k:short""#, #""u:a\u0007""#, #""u:\ud800\u0085""#,
        ])
    func noSender(_ value: String) {
        #expect(cut("{\"_by\":\(value),\"a\":1}").members.hasForeignSender)
    }

    @Test("cutting what is random never traps, and what is put back is cut off again")
    func fuzz() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(seed: seed)
        let pieces = [
            #"{"_job":"#, "[", "]", "\"", "\\", ",", "}", "a", #""f","1""#, #""_v":"1-2-3""#, #""_by":"u:1""#, "{", " ",
            #""_by":"#, #""u:\""#,
        ]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0..<12, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let (members, event) = cut(text)
            guard members.end > 0 else { continue }
            #expect(event.hasPrefix("{"), "seed \(seed): \(text)")
            let front = opening(members)
            let again = cut(front + (front == "{" ? "" : ",") + "\"a\":1}")
            #expect(again.event == #"{"a":1}"#, "seed \(seed): \(text)")
            #expect(again.members.sender == members.sender, "seed \(seed): \(text)")
            #expect(again.members.version?.text == members.version?.text, "seed \(seed): \(text)")
        }
    }

    @Test(
        "a change names its comment by conversation and id",
        arguments: [
            (#"{"thread":"42","id":"c"}"#, "created 42\0c"),
            (#"{"thread":42,"id":7,"type":"comment.edited"}"#, "edited 42\07"),
            (#"{"thread":"42","id":"c","type":"comment.deleted"}"#, "deleted 42\0c"),
            (#"{"thread":"42","id":"c","type":"vote"}"#, ""), (#"{"thread":"42"}"#, ""), (#"{"id":"c"}"#, ""),
        ])
    func change(_ event: String, _ expected: String) throws {
        let change = CommentChange(of: try JSONParser(maxBytes: 1000).parseObject(Array(event.utf8)))
        #expect(change.map { "\($0.kind) " + String(decoding: $0.post, as: UTF8.self) } ?? "" == expected)
    }
}
