import TestSupport
import Testing

@testable import Connectors

@Suite("the client for a document, over libcurl")
struct DocumentClientTests {
    private let runner: LoopRunner

    init() throws {
        runner = try LoopRunner()
    }

    private func get(_ url: String) throws -> Result<[UInt8], ConnectorsError> {
        let client = try DocumentClient(on: runner.loop, url: url, caFile: nil)
        var result: Result<[UInt8], ConnectorsError>?
        try client.get { result = $0 }
        try runner.run(within: 15, "there is an answer") { result != nil }
        return try #require(result)
    }

    private func problem(_ reply: HTTPStub.Reply) throws -> String {
        let stub = try HTTPStub { _ in reply }
        guard case .failure(let error) = try get(stub.url) else { return "" }
        #expect(error.code == .fetch && error.message.hasPrefix(stub.url))
        return error.message
    }

    @Test("a document of up to 64 KiB comes whole")
    func whole() throws {
        for count in [0, 1, 5000, 65_536] {
            let text = String(repeating: "a", count: count)
            let stub = try HTTPStub { _ in .status(200, body: text) }
            #expect(try get(stub.url + "?x=1").get() == Array(text.utf8))
            let request = try #require(stub.requests.first)
            #expect(request.target == "/hook?x=1" && request.body.isEmpty)
            #expect(request.headers["accept"] == "application/json" && request.headers["content-length"] == nil)
        }
    }

    @Test("what is no document says why, and a larger one is cut off")
    func failures() throws {
        #expect(try problem(.status(200, body: String(repeating: "a", count: 65_537))).contains("more than 64 KiB"))
        #expect(try problem(.flood(head: "HTTP/1.1 200 OK\r\n\r\n")).contains("more than 64 KiB"))
        #expect(try problem(.status(404)).contains("answered 404"))
        #expect(try problem(.status(302, headers: ["Location": "/"])).contains("redirects are not followed"))
        #expect(try problem(.close).contains("gave no answer"))
    }

    @Test("an address that is none is refused before anything is sent, without its password in the message")
    func addresses() throws {
        for url in ["", "ftp://a.example/", "https://", "https://a.example/#x", "file:///etc/passwd"] {
            #expect {
                try DocumentClient(on: runner.loop, url: url, caFile: nil)
            } throws: {
                ($0 as? ConnectorsError)?.code == .option
            }
        }
        let stub = try HTTPStub { _ in .status(500) }
        let url = stub.url.replacing("127", with: "ann:pw@127")
        guard case .failure(let error) = try get(url) else { return }
        #expect(!error.message.contains("pw"))
    }
}
