import Events
import Testing

@testable import Edge

@Suite("Reading a request's resource and parameters")
struct RequestReaderTests {
    private static func read(_ method: String, _ target: String, _ fields: String = "") -> Result<Request, HTTPError> {
        let options = EdgeOptions(address: .tcp(host: "", port: 0), epochKey: "epoch")
        let bytes = Array("\(method) \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
        var parser = RequestParser(limits: options.limits)
        guard case .complete(let head) = parser.parse(bytes.span) else {
            return .failure(HTTPError(.badRequest, "the sample is no request: \(target)"))
        }
        do throws(HTTPError) {
            return .success(try RequestReader(options: options, files: ["/"]).read(head, of: bytes.span))
        } catch {
            return .failure(error)
        }
    }

    private static func status(_ result: Result<Request, HTTPError>) -> HTTPStatus? {
        if case .failure(let refusal) = result { refusal.status } else { nil }
    }

    private static let offset = "0000000001_0000000001000_0000000000000005"

    @Test("the parameters of a channel are parsed")
    func channel() throws {
        let target = try Self.read(
            "GET", "/v1/channels/thread%3A42?offset=\(Self.offset)&live=long-poll&timeout=7&cursor=99&unknown=1"
        ).get().target
        #expect(
            target
                == .channel(
                    Request.ChannelQuery(
                        channel: "thread:42", offset: .position(Position(epoch: 1, born: 1000, sequence: 5)),
                        live: .longPoll, timeout: 7, cursor: 99)))
        let plain = try Self.read("GET", "/v1/channels/thread:https://a.example/b+c").get().target
        #expect(plain == .channel(Request.ChannelQuery(channel: "thread:https://a.example/b+c")))
    }

    @Test("the channels of a poll keep their order")
    func poll() throws {
        let target = try Self.read("GET", "/v1/poll?c=thread%3A1%40-1&c=forum:a+b@now&c=thread:a@b@-1&timeout=55").get()
            .target
        #expect(
            target
                == .poll(
                    Request.PollQuery(
                        items: [
                            Request.PollQuery.Item(channel: "thread:1", offset: .beginning),
                            Request.PollQuery.Item(channel: "forum:a b", offset: .now),
                            Request.PollQuery.Item(channel: "thread:a@b", offset: .beginning),
                        ], timeout: 55)))
    }

    @Test("other resources are recognized by their paths")
    func resources() throws {
        for (path, target) in [
            ("/live", Request.Target.live), ("/ready", .ready), ("/metrics", .metrics), ("/", .file("/")),
            ("/?x", .file("/")),
        ] {
            #expect(try Self.read("GET", path).get().target == target)
            #expect(try Self.read("HEAD", path).get().target == target)
            #expect(try Self.read("OPTIONS", path).get().target == .options(.read))
        }
        #expect(try Self.read("POST", "/v1/comments").get().target == .comments)
        #expect(try Self.read("OPTIONS", "*").get().target == .options(.all))
        #expect(try Self.read("OPTIONS", "/v1/channels/user:1").get().target == .options(.read))
        #expect(try Self.read("OPTIONS", "/v1/events").get().target == .options(.read))
        #expect(try Self.read("OPTIONS", "/v1/comments").get().target == .options(.post))
    }

    @Test("a stream resumes after the id in the header field, or else in the query")
    func lastEventID() throws {
        func read(_ target: String, _ fields: String = "") throws -> String? {
            switch try Self.read("GET", target, fields).get().target {
            case .channel(let query): query.lastEventID
            case .poll(let query), .events(let query): query.lastEventID
            default: nil
            }
        }
        let field = "last-event-ID: abc \r\n"
        for target in ["/v1/channels/thread:1?offset=-1&live=sse", "/v1/events?c=thread:1@-1"] {
            #expect(try read(target) == nil)
            #expect(try read(target + "&lastEventId=") == nil)
            #expect(try read(target, "Last-Event-ID:\r\n") == nil)
            #expect(try read(target + "&lastEventId=x") == "x")
            #expect(try read(target + "&lastEventId=x", field) == "abc")
        }
        #expect(try read("/v1/poll?c=thread:1@-1", field) == nil)
    }

    @Test("the kind of a body is determined by its media type")
    func kinds() throws {
        for (type, kind) in [
            ("application/json", Request.BodyKind.json), ("Application/JSON ; charset=utf-8", .json),
            ("application/x-ndjson", .ndjson), ("application/jsonl", .ndjson), ("text/plain", .other),
        ] {
            #expect(try Self.read("POST", "/v1/comments", "Content-Type: \(type)\r\n").get().bodyKind == kind)
        }
        #expect(try Self.read("POST", "/v1/comments").get().bodyKind == .other)
    }

    @Test(
        "requests that cannot be served get their status",
        arguments: [
            ("GET", "/nothing", HTTPStatus.notFound), ("GET", "/v1", .notFound), ("GET", "/v1/channels", .notFound),
            ("GET", "//", .notFound), ("GET", "/live/", .notFound), ("OPTIONS", "/nothing", .notFound),
            ("PUT", "/v1/channels/thread:1", .methodNotAllowed), ("POST", "/v1/channels/thread:1", .methodNotAllowed),
            ("DELETE", "/v1/poll?c=x", .methodNotAllowed), ("GET", "/v1/comments", .methodNotAllowed),
            ("POST", "/", .methodNotAllowed), ("BREW", "/", .notImplemented), ("get", "/", .notImplemented),
            ("GET", "/v1/channels/", .badRequest), ("GET", "/v1/channels/thread", .badRequest),
            ("GET", "/v1/channels/:1", .badRequest), ("GET", "/v1/channels/thread:", .badRequest),
            ("GET", "/v1/channels/thread:%7Bx%7D", .badRequest), ("GET", "/v1/channels/thread:%0A", .badRequest),
            ("GET", "/v1/channels/thread:%", .badRequest), ("GET", "/v1/channels/thread:%f", .badRequest),
            ("GET", "/v1/channels/thread:%ff", .badRequest), ("GET", "/v1/channels/thread:%gg", .badRequest),
            ("GET", "/v1/channels/thread:" + String(repeating: "a", count: 256), .badRequest),
            ("GET", "/v1/channels/thread:1?offset=", .badRequest),
            ("GET", "/v1/channels/thread:1?offset=5", .badRequest),
            ("GET", "/v1/channels/thread:1?offset=-1&offset=-1", .badRequest),
            ("GET", "/v1/channels/thread:1?offset=-1&live=websocket", .badRequest),
            ("GET", "/v1/channels/thread:1?live=long-poll", .badRequest),
            ("GET", "/v1/channels/thread:1?offset=-1&timeout=0", .badRequest),
            ("GET", "/v1/channels/thread:1?offset=-1&timeout=56", .badRequest),
            ("GET", "/v1/channels/thread:1?offset=-1&timeout=x", .badRequest),
            ("GET", "/v1/poll", .badRequest), ("GET", "/v1/poll?timeout=5", .badRequest),
            ("GET", "/v1/poll?c=thread:1", .badRequest), ("GET", "/v1/poll?c=thread:1@", .badRequest),
            ("GET", "/v1/poll?c=thread:1@-1&c=thread:1@now", .badRequest), ("GET", "/v1/poll?c=%zz", .badRequest),
            ("GET", "/v1/poll?" + (0...50).map { "c=thread:\($0)@-1" }.joined(separator: "&"), .badRequest),
        ])
    func refused(_ method: String, _ target: String, _ status: HTTPStatus) {
        #expect(Self.status(Self.read(method, target)) == status)
    }

    @Test("a 405 lists the allowed methods")
    func allow() {
        guard case .failure(let refusal) = Self.read("PUT", "/live") else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.allow == .read)
    }

    @Test("a body of several objects, one per line, is distinguished from one object on several lines")
    func lines() {
        for (text, isMany) in [
            ("{\"a\":1}\n{\"b\":2}", true), ("{\"a\":1}\r\n{\"b\":2}\r\n\r\n", true), ("{\"a\":1}", false),
            ("{\"a\":1}\n", false),
            ("{\n  \"a\": {}\n}\n", false), ("{\"a\":\n{\"x\":1}\n}", false), ("", false), ("[1]\n[2]", false),
        ] {
            #expect(CommentPost.isManyLines(Array(text.utf8)) == isMany, "\(text.debugDescription)")
        }
    }
}
