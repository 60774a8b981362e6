/// Turns a request's head into a ``Request``: the resource and its parameters. Pure.
struct RequestReader {
    var limits: EdgeLimits
    private let files: Set<String>
    private let gate: DashboardGate
    private let cache = NameCache()

    /// - Parameter files: the paths of the files served from memory.
    init(options: EdgeOptions, files: Set<String>) {
        limits = options.limits
        gate = DashboardGate(options)
        self.files = files
    }

    /// Reads a head whose ranges refer to `bytes`.
    ///
    /// - Throws: ``HTTPError``: 400, 404, 405, 501.
    func read(
        _ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance = .readers
    ) throws(HTTPError) -> Request {
        switch head.method {
        case .unknown: throw HTTPError(.notImplemented, "unknown method")
        case .connect: throw HTTPError(.methodNotAllowed, "this is no proxy", allow: .all)
        default: break
        }
        let path = bytes.extracting(head.path)
        let query = bytes.extracting(head.query)
        if head.method == .options {
            // `*` asks about the server (as does a target without a path: RFC 9112, 3.2.4), any other path about an
            // existing resource.
            let isServer = path.count == 0 || path.equals("*")
            return Request(target: .options(isServer ? .all : try methods(of: path, at: entrance)))
        }
        try require(head.method, of: try methods(of: path, at: entrance))
        if gate.isDashboard(path, at: entrance) { try gate.check(head, of: bytes, at: entrance) }
        let lastEventID = eventID(bytes.extracting(head.lastEventID))
        var request = Request(target: try target(path, query, lastEventID: lastEventID))
        request.credentials = try credentials(head, of: bytes, request.target)
        request.bodyKind = bodyKind(bytes.extracting(head.contentType))
        request.ifNoneMatch = text(bytes.extracting(head.ifNoneMatch))
        request.takesGzip = AcceptEncoding.takesGzip(bytes.extracting(head.acceptEncoding))
        return request
    }

    /// The largest body that the request may have.
    func bodyLimit(of request: Request) -> Int {
        request.bodyLimit.value(in: limits)
    }

    private static let channelPrefix: StaticString = "/v1/channels/"

    /// What a request is about, for the rules on pages of other sites; nil: everyone may ask that, whatever the host,
    /// as load balancers do.
    func purpose(of head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) -> SiteRules.Purpose? {
        let path = bytes.extracting(head.path)
        if path.equals("/live") || path.equals("/ready") { return nil }
        if entrance == .admin || gate.isDashboard(path, at: entrance) { return .administration }
        return head.method == .post || Self.isPreflight(head, of: bytes) ? .writing : .reading
    }

    /// Whether a browser asks if a page may post comments (Fetch, 3.2.2).
    static func isPreflight(_ head: RequestHead, of bytes: Span<UInt8>) -> Bool {
        head.method == .options && bytes.extracting(head.path).equals("/v1/comments")
    }

    /// The methods of a resource.
    private func methods(of path: Span<UInt8>, at entrance: Entrance) throws(HTTPError) -> Request.Methods {
        if entrance == .readers {
            if path.equals("/v1/comments") { return .post }
            if path.starts(with: Self.channelPrefix) || path.equals("/v1/poll") || path.equals("/v1/events") {
                return .read
            }
        }
        if path.equals("/live") || path.equals("/ready") { return .read }
        if path.equals("/metrics"), gate.hasAdministration(entrance) { return .read }
        if path.equals("/dashboard.json"), gate.isDashboard(path, at: entrance) { return .read }
        if isFile(path, at: entrance) { return .read }
        throw entrance == .admin ? Self.noAdministration : Self.nothing
    }

    private func isFile(_ path: Span<UInt8>, at entrance: Entrance) -> Bool {
        guard let name = fileName(path), files.contains(name) else { return false }
        return DashboardGate.isDashboard(path) ? gate.isDashboard(path, at: entrance) : entrance == .readers
    }

    /// A target in absolute-form without a path is `/` (RFC 9110, 4.2.3).
    private func fileName(_ path: Span<UInt8>) -> String? {
        path.count == 0 ? "/" : text(path)
    }

    private static let noAdministration = HTTPError(
        .notFound, "nothing here; try /dashboard, /metrics, /live or /ready: clients connect to another address")

    static let nothing = HTTPError(
        .notFound, "nothing here; try /v1/channels/CHANNEL, /v1/poll, /v1/events or /v1/comments")

    private func require(_ method: HTTPMethod, of methods: Request.Methods) throws(HTTPError) {
        switch methods {
        case .post where method != .post:
            throw HTTPError(.methodNotAllowed, "comments are sent with POST", allow: methods)
        case .read where method != .get && method != .head:
            throw HTTPError(.methodNotAllowed, "this is read with GET", allow: methods)
        default: break
        }
    }

    private func target(
        _ path: Span<UInt8>, _ query: Span<UInt8>, lastEventID: String?
    ) throws(HTTPError) -> Request.Target {
        if path.starts(with: Self.channelPrefix) {
            let name = path.extracting(Self.channelPrefix.utf8CodeUnitCount..<path.count)
            return .channel(try channelQuery(name, query, lastEventID))
        }
        if path.equals("/v1/poll") { return .poll(try pollQuery(query, nil)) }
        if path.equals("/v1/events") { return .events(try pollQuery(query, lastEventID)) }
        if path.equals("/v1/comments") { return .comments }
        if path.equals("/live") { return .live }
        if path.equals("/ready") { return .ready }
        if path.equals("/metrics") { return .metrics }
        if path.equals("/dashboard.json") { return .status }
        guard let name = fileName(path) else { throw Self.nothing }
        return .file(name)
    }

    /// The id of the last event, if one is given. Bytes that are not UTF-8 become an id that no edge wrote, so that the
    /// position counts as lost and not as absent.
    private func eventID(_ bytes: Span<UInt8>) -> String? {
        guard bytes.count > 0 else { return nil }
        return bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    /// A field's text; nil when it is empty or not UTF-8.
    private func text(_ bytes: Span<UInt8>) -> String? {
        guard bytes.count > 0 else { return nil }
        return bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
    }

    private func channelQuery(
        _ name: Span<UInt8>, _ query: Span<UInt8>, _ lastEventID: String?
    ) throws(HTTPError) -> Request.ChannelQuery {
        var result = Request.ChannelQuery(channel: try pathName(name))
        var hasOffset = false
        try TargetDecoder.forEachParameter(query) { (key, raw) throws(HTTPError) in
            // The parameters of every poll are parsed without copying.
            if key.equals("offset") {
                if hasOffset { throw HTTPError(.badRequest, "offset is given twice") }
                hasOffset = true
                if let offset = Offset(raw) {
                    result.offset = offset
                } else {
                    result.offset = try offset(try TargetDecoder.value(raw))
                }
                return
            }
            if key.equals("live"), raw.equals("long-poll") {
                result.live = .longPoll
                return
            }
            if key.equals("cursor"), let cursor = raw.decimal, cursor < 1 << 40 {
                result.cursor = cursor
                return
            }
            let value = try TargetDecoder.value(raw)
            if key.equals("live") {
                switch value {
                case "long-poll": result.live = .longPoll
                case "sse": result.live = .serverSentEvents
                default: throw HTTPError(.badRequest, "live is either long-poll or sse")
                }
            } else if key.equals("timeout") {
                result.timeout = try timeout(value)
            } else if key.equals("cursor") {
                // The cursor is opaque; a malformed one is ignored.
                result.cursor = nil
            } else if key.equals("lastEventId"), !value.isEmpty {
                result.lastEventID = value
            }
        }
        // The header field is newer: a browser sends it with each reconnect to the same URL.
        if let lastEventID { result.lastEventID = lastEventID }
        if result.live != .none, !hasOffset {
            throw HTTPError(.badRequest, "live needs an offset: -1, now, or one given by an earlier answer")
        }
        return result
    }

    private func pathName(_ bytes: Span<UInt8>) throws(HTTPError) -> String {
        if let known = cache.name(of: bytes) { return known }
        guard let decoded = TargetDecoder.decode(bytes, plusIsSpace: false) else {
            throw HTTPError(.badRequest, "the channel's name has a broken percent-escape, or is not UTF-8")
        }
        let name = try channel(decoded)
        if bytes.firstIndex(of: 0x25) == nil { cache.keep(name) }
        return name
    }

    private func pollQuery(
        _ query: Span<UInt8>, _ lastEventID: String?
    ) throws(HTTPError) -> Request.PollQuery {
        var result = Request.PollQuery(items: [])
        try TargetDecoder.forEachParameter(query) { (key, raw) throws(HTTPError) in
            let value = try TargetDecoder.value(raw)
            if key.equals("c") {
                guard let at = value.lastIndex(of: "@") else {
                    throw HTTPError(.badRequest, "c must read CHANNEL@OFFSET; begin with CHANNEL@-1 or CHANNEL@now")
                }
                if result.items.count == limits.channelsPerPoll {
                    throw HTTPError(
                        .badRequest, "at most \(limits.channelsPerPoll) channels fit in one poll",
                        limit: .channelsPerPoll)
                }
                let name = try channel(String(value[..<at]))
                if result.items.contains(where: { $0.channel.utf8.elementsEqual(name.utf8) }) {
                    throw HTTPError(.badRequest, "a channel is named twice")
                }
                result.items.append(
                    Request.PollQuery.Item(channel: name, offset: try offset(value[value.index(after: at)...])))
            } else if key.equals("timeout") {
                result.timeout = try timeout(value)
            } else if key.equals("lastEventId"), !value.isEmpty {
                result.lastEventID = value
            }
        }
        if let lastEventID { result.lastEventID = lastEventID }
        if result.items.isEmpty { throw HTTPError(.badRequest, "name at least one channel: c=CHANNEL@OFFSET") }
        return result
    }

    /// Checks a channel's name: `KIND:REST`, without control characters and braces (which mark the hash tag in a Redis
    /// Cluster).
    private func channel(_ name: String) throws(HTTPError) -> String {
        guard !name.isEmpty, name.utf8.count <= limits.channelNameBytes else {
            throw HTTPError(
                .badRequest, "a channel's name has 1 to \(limits.channelNameBytes) bytes",
                limit: name.isEmpty ? nil : .channelNameBytes)
        }
        for byte in name.utf8 where byte < 0x20 || byte == 0x7F || byte == 0x7B || byte == 0x7D {
            throw HTTPError(.badRequest, "a channel's name has no control characters and no braces")
        }
        guard let colon = name.firstIndex(of: ":"), colon != name.startIndex, name.index(after: colon) != name.endIndex
        else { throw HTTPError(.badRequest, "a channel's name reads KIND:NAME, as in thread:42") }
        return name
    }

    /// The secrets of a request: a token in a field or in the query, and an API key.
    private func credentials(
        _ head: RequestHead, of bytes: Span<UInt8>, _ target: Request.Target
    ) throws(HTTPError) -> Request.Credentials {
        var result = Request.Credentials()
        result.bearer = bearer(bytes.extracting(head.authorization))
        result.apiKey = text(bytes.extracting(head.apiKey))
        if target == .comments { result.editKey = text(bytes.extracting(head.editKey)) }
        switch target {
        case .channel, .poll, .events: result.accessToken = try accessToken(bytes.extracting(head.query))
        default: break
        }
        if result.bearer != nil, result.accessToken != nil {
            throw HTTPError(.badRequest, "there is a token in the header and one in the query: send one of them")
        }
        return result
    }

    /// The text after `Bearer`; nil for another scheme. Schemes are case-insensitive (RFC 9110, 11.1).
    private func bearer(_ field: Span<UInt8>) -> String? {
        let end = field.firstIndex(of: 0x20) ?? field.count
        guard field.extracting(0..<end).equalsIgnoringCase("bearer") else { return nil }
        let rest = field.extracting(end..<field.count)
        // Invalid UTF-8 becomes a token that is refused.
        return rest.extracting(rest.trimmed()).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of `access_token`, or of its synonym `token`.
    private func accessToken(_ query: Span<UInt8>) throws(HTTPError) -> String? {
        var found: String?
        var start = 0
        while start < query.count {
            let end = query.firstIndex(of: 0x26, from: start) ?? query.count
            let parameter = query.extracting(start..<end)
            start = end + 1
            // Skip most parameters quickly.
            guard parameter.count > 0, parameter[0] == UInt8(ascii: "a") || parameter[0] == UInt8(ascii: "t"),
                let equals = parameter.firstIndex(of: 0x3D), case let name = parameter.extracting(0..<equals),
                name.equals("access_token") || name.equals("token")
            else { continue }
            if found != nil { throw HTTPError(.badRequest, "there are two tokens in the query: send one of them") }
            // A broken escape was refused with the other parameters.
            found = TargetDecoder.decode(parameter.extracting((equals + 1)..<parameter.count), plusIsSpace: true) ?? ""
        }
        return found
    }

    private func offset(_ text: some StringProtocol) throws(HTTPError) -> Offset {
        guard let offset = Offset(text) else {
            throw HTTPError(.badRequest, "invalid offset: use -1, now, or one given by an earlier answer")
        }
        return offset
    }

    private func timeout(_ text: String) throws(HTTPError) -> Int {
        guard let seconds = Int(text), (1...55).contains(seconds) else {
            throw HTTPError(.badRequest, "timeout is a whole number of seconds, 1 to 55")
        }
        return seconds
    }

    private func bodyKind(_ contentType: Span<UInt8>) -> Request.BodyKind {
        let end = contentType.firstIndex(of: 0x3B) ?? contentType.count
        let media = contentType.extracting(0..<end)
        let name = media.extracting(media.trimmed())
        if name.equalsIgnoringCase("application/json") { return .json }
        if name.equalsIgnoringCase("application/x-ndjson") || name.equalsIgnoringCase("application/ndjson")
            || name.equalsIgnoringCase("application/jsonl")
        {
            return .ndjson
        }
        return .other
    }
}

/// The last channel name that was parsed. Many polls of one channel come at once, and only the first needs its name
/// decoded and checked.
final class NameCache {
    private var name = ""

    /// The cached name, if it consists of these bytes.
    func name(of bytes: Span<UInt8>) -> String? {
        bytes.count > 0 && bytes.equals(name) ? name : nil
    }

    /// Caches a valid name that was written without escapes.
    func keep(_ name: String) {
        self.name = name
    }
}

/// Percent-decoding and query parsing (RFC 3986). Pure.
enum TargetDecoder {
    /// Decodes percent-encoded UTF-8.
    ///
    /// - Parameter plusIsSpace: true for queries, as forms encode them; false for paths.
    ///
    /// - Returns: nil for a broken escape and for invalid UTF-8.
    static func decode(_ bytes: Span<UInt8>, plusIsSpace: Bool) -> String? {
        var plain = true
        for index in 0..<bytes.count where bytes[index] == 0x25 || bytes[index] == 0x2B { plain = false }
        if plain { return bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) } }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case 0x25:
                guard index + 2 < bytes.count, let high = bytes[index + 1].hexadecimalValue,
                    let low = bytes[index + 2].hexadecimalValue
                else { return nil }
                decoded.append(high << 4 | low)
                index += 2
            case 0x2B where plusIsSpace: decoded.append(0x20)
            case let byte: decoded.append(byte)
            }
            index += 1
        }
        return String(validating: decoded, as: UTF8.self)
    }

    /// Decodes a parameter's value.
    ///
    /// - Throws: ``HTTPError`` (400) for a broken escape.
    static func value(_ bytes: Span<UInt8>) throws(HTTPError) -> String {
        guard let decoded = decode(bytes, plusIsSpace: true) else {
            throw HTTPError(.badRequest, "the query has a broken percent-escape, or is not UTF-8")
        }
        return decoded
    }

    /// Calls `body` with the name and the value of each parameter of a query, in order and not decoded. Use
    /// ``value(_:)`` to decode.
    ///
    /// - Throws: what `body` throws.
    static func forEachParameter(
        _ query: Span<UInt8>, _ body: (Span<UInt8>, Span<UInt8>) throws(HTTPError) -> Void
    ) throws(HTTPError) {
        var start = 0
        while start < query.count {
            let end = query.firstIndex(of: 0x26, from: start) ?? query.count
            if end > start {
                let equals = min(query.firstIndex(of: 0x3D, from: start) ?? end, end)
                try body(query.extracting(start..<equals), query.extracting(min(equals + 1, end)..<end))
            }
            start = end + 1
        }
    }
}
