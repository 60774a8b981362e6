/// Dispatches each request to its handler.
final class RequestRouter: RequestHandler {
    private let services: EdgeServices
    private var reader: RequestReader
    private let sink: any CommentSink
    private let files: [String: EdgeFile]
    private let cache: StatusCache?
    private let sites: SiteRules
    private let adminSites: SiteRules
    /// The process is shutting down: `/ready` fails, so that load balancers use other processes.
    var isDraining = false
    /// Why the process must not be ready although it can serve; nil when it may. `/ready` fails then as well.
    var caution: () -> String? = { nil }

    /// - Parameter status: reads the status for the dashboard; nil when there is none.
    init(services: EdgeServices, sink: any CommentSink, status: (any StatusSource)? = nil) {
        self.services = services
        self.sink = sink
        var files = services.options.files
        for (path, page) in [("/", services.options.page), ("/dashboard", services.options.dashboard?.page)] {
            guard let page else { continue }
            files[path] = page.file
            for (name, part) in page.parts { files["/" + name] = part }
        }
        self.files = files
        cache = status.map { StatusCache(source: $0, services: services) }
        reader = RequestReader(options: services.options, files: Set(files.keys))
        let options = services.options
        sites = SiteRules(
            hosts: AllowedHosts(options.hosts, at: options.address), origins: options.access.origins)
        adminSites = SiteRules(
            hosts: AllowedHosts(options.hosts, at: options.admin ?? options.address), origins: .any)
    }

    var access: AccessControl { services.access }

    /// Applies new limits to requests from now on.
    func adopt(limits: EdgeLimits) {
        services.adopt(limits: limits)
        reader.limits = limits
    }

    func read(_ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) throws(HTTPError) -> Request {
        try checkSite(head, of: bytes, at: entrance)
        var request = try reader.read(head, of: bytes, at: entrance)
        request.origin = origin(head, of: bytes, at: entrance)
        do throws(HTTPError) {
            try services.access.admit(&request)
        } catch {
            // An `EventSource` that gets 503 never comes back.
            guard error.status == .serviceUnavailable, request.isStream else { throw error }
            request.isPostponed = true
        }
        return request
    }

    func origin(_ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) -> OriginMatch {
        if reader.purpose(of: head, of: bytes, at: entrance) == .administration
            || bytes.extracting(head.path).equals("/metrics")
        {
            return .concealed
        }
        if RequestReader.isPreflight(head, of: bytes), sites.refusal(of: .writing, head, of: bytes) != nil {
            return .foreign
        }
        return services.access.origin(head, of: bytes)
    }

    /// - Throws: ``HTTPError``: 421, 403.
    private func checkSite(_ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) throws(HTTPError) {
        guard var purpose = reader.purpose(of: head, of: bytes, at: entrance) else { return }
        // A preflight is answered, and the answer says whether the page may post.
        if head.method == .options, purpose == .writing { purpose = .reading }
        let rules = entrance == .admin ? adminSites : sites
        guard let refusal = rules.refusal(of: purpose, head, of: bytes) else { return }
        services.access.refused(refusal == .site ? .origin : .host)
        throw refusal.error(for: purpose, host: bytes.extracting(head.host))
    }

    func bodyLimit(of request: Request) -> Int {
        reader.bodyLimit(of: request)
    }

    func handle(_ request: Request, body: [UInt8], on connection: Connection) {
        do throws(HTTPError) {
            // Whoever looks after the edge must see why it is full.
            if connection.entrance == .admin { return try answer(request, body: body, on: connection) }
            if connection.exceedsAddressLimit { throw Connection.tooManyConnections }
            if connection.isSpare { throw Self.full }
            if request.isPostponed { throw Self.unread }
            try answer(request, body: body, on: connection)
        } catch {
            let isTemporary = error.status == .serviceUnavailable || error.status == .tooManyRequests
            guard isTemporary, request.isStream else { return connection.refuse(error) }
            if let limit = error.limit { services.metrics.reached(limit) }
            connection.postponeEvents(retry: Pressure.longest + services.streamRetry())
        }
    }

    private static let unread = HTTPError(.serviceUnavailable, "\(TokenError.unread.message)", retryAfter: 1)
    private static let full = HTTPError(
        .serviceUnavailable, "this server has as many connections as it can hold", retryAfter: 5)

    private func answer(_ request: Request, body: [UInt8], on connection: Connection) throws(HTTPError) {
        switch request.target {
        case .channel(let query): try channel(query, request, on: connection)
        case .poll(let query):
            try MultiPoll(on: connection, services: services, request: request).start(query)
        case .events(let query):
            if connection.wantsHeadOnly { return connection.postponeEvents(retry: 0) }
            try MultiStream(on: connection, services: services, query: query, expires: request.expires).start(query)
        case .comments:
            if body.isEmpty { throw HTTPError(.badRequest, "the body is empty: send a JSON object, or one a line") }
            guard let writer = request.writer else { return }
            try CommentPost(on: connection, services: services, writer: writer)
                .start(body, kind: request.bodyKind, sink: sink)
        case .live: connection.respond(.ok, type: "text/plain", body: Array("live\n".utf8))
        case .ready:
            if let trouble { throw HTTPError(.serviceUnavailable, trouble, retryAfter: 1) }
            connection.respond(.ok, type: "text/plain", body: Array("ready\n".utf8))
        case .metrics:
            let text = services.metrics.text(
                channels: services.hub.count, ringBytes: services.hub.ringBytes, isReady: trouble == nil,
                limits: services.limits)
            let body = Array((text + services.access.metrics.text).utf8)
            connection.respond(.ok, type: "text/plain; version=0.0.4", body: body)
        case .status:
            guard let cache else { throw HTTPError(.notFound, "the dashboard is off") }
            StatusRead(on: connection, services: services, cache: cache, takesGzip: request.takesGzip).start()
        case .file(let path): file(path, request, on: connection)
        case .options(let methods): options(methods, request.origin, on: connection)
        }
    }

    private static let allowedFields: StaticString =
        "Authorization, Content-Type, Edit-Key, If-None-Match, Last-Event-ID, X-Api-Key"

    private var trouble: String? {
        isDraining ? "this server is shutting down" : services.hub.trouble ?? caution()
    }

    private func channel(
        _ query: Request.ChannelQuery, _ request: Request, on connection: Connection
    ) throws(HTTPError) {
        if query.live == .serverSentEvents {
            if connection.wantsHeadOnly { return connection.postponeEvents(retry: 0) }
            return try ChannelStream(on: connection, services: services, query: query, expires: request.expires)
                .start(query)
        }
        try ChannelRead(on: connection, services: services, query: query, request: request).start(query)
    }

    private func file(_ path: String, _ request: Request, on connection: Connection) {
        guard let file = files[path] else { return connection.refuse(RequestReader.nothing) }
        let gzip = request.takesGzip ? file.gzip : nil
        let tag = "\"\(file.tag)\(gzip == nil ? "" : "-gzip")\""
        let isKnown = request.ifNoneMatch.map { EntityTag.matches($0, tag) } ?? false
        connection.respond(
            isKnown ? .notModified : .ok, type: nil, body: isKnown ? [] : gzip ?? file.body, caching: file.caching
        ) { head in
            head.encoding(isGzip: gzip != nil && !isKnown)
            head.field("ETag: ", text: tag)
            if isKnown { return }
            head.field("Content-Type: ", text: file.contentType)
            guard let policy = file.contentSecurityPolicy else { return }
            head.field("Content-Security-Policy: ", text: policy)
            head.field("Referrer-Policy: ", "no-referrer")
        }
    }

    private func options(_ methods: Request.Methods, _ origin: OriginMatch, on connection: Connection) {
        connection.respond(.noContent, type: nil, body: []) { head in
            head.field("Allow: ", methods.allow)
            if origin == .foreign { return }
            head.field("Access-Control-Allow-Methods: ", methods.allow)
            head.field("Access-Control-Allow-Headers: ", Self.allowedFields)
            head.field("Access-Control-Max-Age: ", "86400")
        }
    }
}
