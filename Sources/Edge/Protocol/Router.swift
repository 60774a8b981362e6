/// Gives each request to what answers it.
final class Router: RequestHandler {
    private let services: EdgeServices
    private let reader: RequestReader
    private let sink: any CommentSink
    /// Set while the process ends: load balancers are told to go elsewhere.
    var isDraining = false

    init(services: EdgeServices, sink: any CommentSink) {
        self.services = services
        self.sink = sink
        reader = RequestReader(options: services.options)
    }

    func read(_ head: RequestHead, of bytes: Span<UInt8>) throws(Refusal) -> Request {
        try reader.read(head, of: bytes)
    }

    func bodyLimit(of request: Request) -> Int {
        reader.bodyLimit(of: request)
    }

    func handle(_ request: Request, body: [UInt8], on connection: Connection) {
        do throws(Refusal) {
            switch request.target {
            case .channel(let query): try channel(query, request, on: connection)
            case .poll(let query): try MultiPoll(on: connection, services: services).start(query)
            case .comments:
                if body.isEmpty { throw Refusal(.badRequest, "the body is empty: send a JSON object, or one a line") }
                CommentPost(on: connection, services: services).start(body, kind: request.bodyKind, sink: sink)
            case .live: connection.respond(.ok, type: "text/plain", body: Array("live\n".utf8))
            case .ready:
                if let trouble { throw Refusal(.serviceUnavailable, trouble, retryAfter: 1) }
                connection.respond(.ok, type: "text/plain", body: Array("ready\n".utf8))
            case .metrics:
                let text = services.metrics.text(channels: services.hub.count, isReady: trouble == nil)
                connection.respond(.ok, type: "text/plain; version=0.0.4", body: Array(text.utf8))
            case .page: page(on: connection)
            case .options: options(on: connection)
            }
        } catch {
            connection.refuse(error)
        }
    }

    private var trouble: String? {
        isDraining ? "this server is shutting down" : services.hub.trouble
    }

    private func channel(
        _ query: Request.ChannelQuery, _ request: Request, on connection: Connection
    ) throws(Refusal) {
        if query.live == .serverSentEvents, !connection.wantsHeadOnly {
            return try EventStream(on: connection, services: services, query: query).start(query)
        }
        try ChannelRead(on: connection, services: services, query: query, ifNoneMatch: request.ifNoneMatch).start(query)
    }

    private func page(on connection: Connection) {
        guard let page = services.options.page else { return }
        connection.respond(.ok, type: nil, body: page.body) { head in
            head.field("Content-Type: ", text: page.contentType)
            head.field("Content-Security-Policy: ", text: page.contentSecurityPolicy)
        }
    }

    private func options(on connection: Connection) {
        connection.respond(.noContent, type: nil, body: []) { head in
            head.field("Allow: ", "GET, HEAD, POST, OPTIONS")
            head.field("Access-Control-Allow-Methods: ", "GET, HEAD, POST")
            head.field("Access-Control-Allow-Headers: ", "Authorization, Content-Type, If-None-Match, Last-Event-ID")
            head.field("Access-Control-Max-Age: ", "86400")
        }
    }
}
