import Events
import Glibc
import Signing
import TestSupport
import Testing

@testable import Connectors

@Suite("the client of a webhook, over libcurl")
struct WebhookClientTests {
    private let runner: LoopRunner
    private let body = Array(#"{"thread":"a","text":"é"}"#.utf8)

    init() throws {
        runner = try LoopRunner()
    }

    private func client(_ url: String, timeout: Int64 = 5000, _ change: (inout WebhookOptions) -> Void = { _ in })
        throws
        -> WebhookClient
    {
        var options = WebhookOptions(url: url, secret: webhookSecret, timeout: timeout)
        change(&options)
        let client = try WebhookClient(options)
        try client.start(on: runner.loop)
        return client
    }

    /// Sends the body and waits for the outcome.
    private func post(with client: WebhookClient) throws -> WebhookOutcome {
        var outcome: WebhookOutcome?
        _ = try client.post(body, id: WebhookID(of: body)) { outcome = $0 }
        try runner.run(within: 10, "there is an outcome") { outcome != nil }
        return try #require(outcome)
    }

    /// The message of a failure without the URL.
    private func failure(_ outcome: WebhookOutcome) -> String? {
        guard case .failed(let message, _) = outcome else { return nil }
        return message.split(separator: " ").dropFirst().joined(separator: " ")
    }

    @Test("a message has the event as its body, and the three fields that sign it")
    func message() throws {
        let stub = try HTTPStub { _ in .status(204) }
        let other = "whsec_" + Base64.encode(repeatElement(7, count: 32))
        let client = try client(stub.url.replacing("127", with: "ann:pw@127") + "?x=1") { $0.secret += " \(other)" }
        let before = Clock.unixMilliseconds() / 1000
        #expect(try post(with: client) == .delivered)
        let request = try #require(stub.requests.first)
        #expect(request.target == "/hook?x=1")
        #expect(Array(request.body.utf8) == body)
        #expect(request.headers["content-type"] == "application/json")
        #expect(request.headers["authorization"] == "Basic \(Base64.encode("ann:pw".utf8))")
        #expect(request.headers["expect"] == nil)
        #expect(try request.headers["webhook-id"] == WebhookID(of: body).description)
        let timestamp = try #require(request.headers["webhook-timestamp"].flatMap { Int64($0) })
        #expect((before...before + 10).contains(timestamp))
        let expected = try [webhookSecret, other].map {
            try WebhookSecret($0).signature(id: WebhookID(of: body).description, timestamp: timestamp, body: body)
        }
        #expect(request.headers["webhook-signature"] == expected.joined(separator: " "))
    }

    @Test("a connection is used again, and large bodies go out whole")
    func reuse() throws {
        let stub = try HTTPStub { _ in .status(200, body: "ok") }
        let client = try client(stub.url)
        for _ in 0..<5 { #expect(try post(with: client) == .delivered) }
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20)
        var outcome: WebhookOutcome?
        _ = try client.post(large, id: WebhookID(of: large)) { outcome = $0 }
        try runner.run(within: 10) { outcome != nil }
        #expect(outcome == .delivered)
        #expect(stub.requests.map(\.connection) == [0, 0, 0, 0, 0, 0])
        #expect(stub.requests.last?.body.utf8.count == large.count)
    }

    @Test("a connection that the receiver has closed meanwhile costs nothing")
    func stale() throws {
        let stub = try HTTPStub { _ in .raw("HTTP/1.1 204 OK\r\n\r\n") }
        let client = try client(stub.url)
        for _ in 0..<5 {
            #expect(try post(with: client) == .delivered)
            runner.run(for: 0.01)
        }
        #expect(stub.requests.count == 5)
    }

    /// Replies of a misbehaving receiver, and the message for each.
    static let mischief: [(reply: HTTPStub.Reply, told: String)] = [
        (.status(500, body: "out of order"), "answered 500: out of order"),
        (.status(302, headers: ["Location": "/elsewhere"]), "answered 302"),
        (.status(410), "answered 410"),
        (.hang, "gave no whole answer within 300 ms"),
        (.drip, "gave no whole answer within 300 ms"),
        (.close, "gave no answer: "),
        (.raw("SSH-2.0-OpenSSH_9.2\r\n"), "gave no answer: "),
        (.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), "gave no answer: "),
        (.raw(String(repeating: "\0\u{1}\u{2}", count: 5000)), "gave no answer: "),
        (.flood(head: "HTTP/1.1 500 No\r\n"), "answered 500"),
        (.flood(head: "HTTP/1.1 500 No\r\n\r\n"), "answered 500: X-Flood: yyy"),
        (.flood(head: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n"), "answered 503"),
    ]

    @Test("whatever a receiver does, the request fails in time and says why", arguments: mischief.indices)
    func endures(_ index: Int) throws {
        let (reply, told) = Self.mischief[index]
        let stub = try HTTPStub { _ in reply }
        let start = Clock.monotonicMilliseconds()
        let outcome = try post(with: try client(stub.url, timeout: 300))
        let took = Clock.monotonicMilliseconds() - start
        #expect(took < 2000)
        #expect(failure(outcome)?.hasPrefix(told) == true, "\(outcome)")
        #expect(stub.requests.count == 1)
    }

    @Test("an answer of any size is a delivery when its status says so")
    func large() throws {
        let stub = try HTTPStub { _ in .status(200, body: String(repeating: "x", count: 1 << 20)) }
        #expect(try post(with: try client(stub.url)) == .delivered)
    }

    @Test("an unreachable receiver and an unknown host are failures")
    func absent() throws {
        let port = try HTTPStub { _ in .close }.port
        #expect(
            failure(try post(with: try client("http://u:secret@127.0.0.1:\(port)/x?y")))?.contains("Failed to connect")
                == true)
        let unknown = failure(try post(with: try client("http://tidings.invalid/", timeout: 8000)))
        #expect(unknown?.hasPrefix("gave no") == true, "\(unknown ?? "")")
    }

    @Test("a pause that the receiver asks for holds for everybody who sends there", arguments: [0, 1])
    func pause(_ form: Int) throws {
        var date = [CChar](repeating: 0, count: 64)
        var later = time(nil) + 31
        var parts = tm()
        gmtime_r(&later, &parts)
        strftime(&date, date.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        let text = form == 0 ? "30" : String(decoding: date.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
        let stub = try HTTPStub { _ in .status(429, headers: ["Retry-After": text]) }
        let client = try client(stub.url)
        guard case .failed(_, let pause?) = try post(with: client) else {
            Issue.record("no pause")
            return
        }
        #expect((25_000...31_000).contains(pause))
        let now = Clock.monotonicMilliseconds()
        #expect(client.isPaused(at: now) && !client.isPaused(at: now + 31_000))
    }

    @Test("many requests are under way at once, and the loop goes on meanwhile")
    func parallel() throws {
        let stub = try HTTPStub { _ in
            usleep(200_000)
            return .status(200)
        }
        let client = try client(stub.url)
        var outcomes = 0
        var ticks = 0
        let timer = Timer(on: runner.loop) { ticks += 1 }
        timer.schedule(every: 5)
        let start = Clock.monotonicMilliseconds()
        for number in 0..<40 {
            let body = Array("{\(number)}".utf8)
            _ = try client.post(body, id: WebhookID(of: body)) { _ in outcomes += 1 }
        }
        try runner.run(within: 10) { outcomes == 40 }
        #expect(Clock.monotonicMilliseconds() - start < 4000)
        #expect(stub.mostInFlight >= 20)
        #expect(ticks >= 10)
    }

    @Test("a request that is cancelled is not answered, and its connection ends")
    func cancel() throws {
        let stub = try HTTPStub { $0.body == "{1}" ? .hang : .status(200) }
        let client = try client(stub.url)
        var isAnswered = false
        let call = try client.post(Array("{1}".utf8), id: WebhookID(of: [])) { _ in isAnswered = true }
        try runner.run(within: 5, "the request is there") { stub.requests.count == 1 }
        client.cancel(call)
        client.cancel(call)
        #expect(try post(with: client) == .delivered)
        #expect(!isAnswered)
        #expect(stub.requests.map(\.connection) == [0, 1])
    }

    @Test("a client may be released while requests are in flight, also in a completion")
    func release() throws {
        let stub = try HTTPStub { $0.body == "{1}" ? .hang : .status(200) }
        for isWithin in [false, true] {
            var kept: WebhookClient? = try client(stub.url)
            weak let gone = kept
            _ = try kept?.post(Array("{1}".utf8), id: WebhookID(of: [])) { _ in Issue.record("answered") }
            var isDone = false
            _ = try kept?.post(body, id: WebhookID(of: body)) { _ in
                if isWithin { kept = nil }
                isDone = true
            }
            try runner.run(within: 5) { isDone }
            kept = nil
            try runner.run(within: 5, "the client is released") { gone == nil }
        }
    }

    @Test("TLS: a certificate has to be trusted, and ca_file says which to trust")
    func tls() throws {
        let folder = try TemporaryFolder()
        let made = try ChildProcess.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem",
            ], in: folder.path)
        #expect(made.succeeded, "\(made.errors)")
        try folder.write(
            """
            import http.server, ssl, sys
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def do_POST(self):
                    self.rfile.read(int(self.headers["content-length"]))
                    self.send_response(204)
                    self.end_headers()
            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("cert.pem", "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            print(server.server_port, flush=True)
            server.serve_forever()
            """, to: "server.py")
        let server = try ChildProcess("python3", ["server.py"], in: folder.path)
        try eventually { server.output.hasSuffix("\n") || !server.isRunning }
        let port = try #require(Int(server.output.dropLast()), "\(server.errors)")
        let url = "https://localhost:\(port)/"
        let untrusted = try post(with: try client(url))
        #expect(failure(untrusted)?.contains("certificate") == true, "\(untrusted)")
        #expect(try post(with: try client(url) { $0.caFile = folder.file("cert.pem") }) == .delivered)
        let misnamed = try post(with: try client("https://127.0.0.1:\(port)/") { $0.caFile = folder.file("cert.pem") })
        #expect(failure(misnamed)?.contains("127.0.0.1") == true, "\(misnamed)")
    }
}
