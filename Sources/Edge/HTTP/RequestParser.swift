/// Parses a request's head incrementally (RFC 9112). Pure.
///
/// Call ``parse(_:)`` with all bytes of the request so far whenever more have arrived; nothing is scanned twice, and
/// the result does not depend on how the bytes were split. The parser is stricter than the RFC wherever two
/// implementations could disagree: a bare CR or LF, folded fields, a space before a colon, NUL and other control bytes,
/// two lengths, and a length with a transfer coding are answered with 400, and the connection must be closed.
struct RequestParser {
    /// The state after some bytes.
    enum Progress: Equatable {
        case needsMore
        case complete(RequestHead)
        case refused(HTTPError)
    }

    private let urlBytes: Int
    private let headerBytes: Int
    private let headerFields: Int
    private var head = RequestHead()
    /// Where the current line begins, and how far it was searched for its end.
    private var lineStart = 0
    private var scanned = 0
    private var fields = 0
    private var hasRequestLine = false
    /// The authority of a target in absolute-form.
    private var authority = 0..<0
    private var hasHost = false
    private var hasOrigin = false
    private var hasLength = false
    private var hasCoding = false

    init(limits: EdgeLimits) {
        urlBytes = limits.urlBytes
        headerBytes = limits.headerBytes
        headerFields = limits.headerFields
    }

    /// Parses the request's bytes so far.
    mutating func parse(_ bytes: Span<UInt8>) -> Progress {
        while let end = bytes.firstIndex(of: 0x0A, from: scanned) {
            scanned = end + 1
            if let error = tooLong(end: end + 1) { return .refused(error) }
            guard end > lineStart, bytes[end - 1] == 0x0D else { return .refused(Self.bareLineEnd) }
            let line = lineStart..<(end - 1)
            lineStart = end + 1
            switch accept(line, of: bytes) {
            case .success(false): continue
            case .success(true):
                head.length = end + 1
                return .complete(head)
            case .failure(let error): return .refused(error)
            }
        }
        scanned = bytes.count
        if let error = tooLong(end: bytes.count) { return .refused(error) }
        return .needsMore
    }

    private static let bareLineEnd = HTTPError(.badRequest, "a line of the head must end with CR LF")
    private static let controlByte = HTTPError(.badRequest, "the head contains a control character")

    /// Checks the limits, both at the end of a line and within an incomplete one.
    private func tooLong(end: Int) -> HTTPError? {
        // The method, the version, two spaces and the line end have 64 bytes.
        if !hasRequestLine, end - lineStart > urlBytes + 64 {
            return HTTPError(
                .uriTooLong, "the URL is longer than \(urlBytes) bytes; ask for fewer channels at once",
                limit: .urlBytes)
        }
        if end > headerBytes {
            return HTTPError(
                .headerFieldsTooLarge, "the request's head is longer than \(headerBytes) bytes", limit: .headerBytes)
        }
        return nil
    }

    /// Parses one line without its end. Returns true for the empty line that ends the head.
    private mutating func accept(_ line: Range<Int>, of bytes: Span<UInt8>) -> Result<Bool, HTTPError> {
        if !hasRequestLine {
            // One empty line before the request line is ignored (RFC 9112, 2.2).
            if line.isEmpty {
                return line.lowerBound == 0 ? .success(false) : .failure(HTTPError(.badRequest, "no request line"))
            }
            if let error = requestLine(line, of: bytes) { return .failure(error) }
            hasRequestLine = true
            return .success(false)
        }
        if line.isEmpty {
            if let error = finish() { return .failure(error) }
            return .success(true)
        }
        fields += 1
        if fields > headerFields {
            return .failure(
                HTTPError(.headerFieldsTooLarge, "more than \(headerFields) header fields", limit: .headerFields))
        }
        if let error = field(line, of: bytes) { return .failure(error) }
        return .success(false)
    }

    private mutating func requestLine(_ line: Range<Int>, of bytes: Span<UInt8>) -> HTTPError? {
        if bytes.extracting(line).hasUnprintables { return Self.controlByte }
        let malformed = HTTPError(.badRequest, "the request line must read METHOD TARGET HTTP/1.1")
        guard let first = bytes.firstIndex(of: 0x20, from: line.lowerBound), first < line.upperBound,
            let second = bytes.firstIndex(of: 0x20, from: first + 1), second < line.upperBound
        else { return malformed }
        let method = line.lowerBound..<first
        let target = (first + 1)..<second
        let version = bytes.extracting((second + 1)..<line.upperBound)
        guard !method.isEmpty, !target.isEmpty else { return malformed }
        for index in method where !bytes[index].isTokenCharacter { return malformed }
        guard version.count == 8, version.starts(with: "HTTP/"), version[5].isDigit, version[6] == 0x2E,
            version[7].isDigit
        else { return malformed }
        guard version[5] == 0x31 else { return HTTPError(.versionNotSupported, "this server speaks HTTP/1.1") }
        if target.count > urlBytes {
            return HTTPError(
                .uriTooLong, "the URL is longer than \(urlBytes) bytes; ask for fewer channels at once",
                limit: .urlBytes)
        }
        head.method = HTTPMethod(bytes.extracting(method))
        head.minorVersion = version[7] == 0x30 ? 0 : 1
        head.keepAlive = head.minorVersion == 1
        return split(target, of: bytes)
    }

    /// Splits the target: origin-form, absolute-form or asterisk-form (RFC 9112, 3.2). The method CONNECT has an
    /// authority as its target; it is refused because of its method.
    private mutating func split(_ target: Range<Int>, of bytes: Span<UInt8>) -> HTTPError? {
        var start = target.lowerBound
        let text = bytes.extracting(target)
        if text[0] != 0x2F {
            if head.method == .connect || head.method == .options && text.equals("*") {
                head.path = target
                return nil
            }
            let scheme = Self.schemeLength(text)
            guard scheme > 0 else { return HTTPError(.badRequest, "the target must begin with a slash") }
            start += scheme
            while start < target.upperBound, ![0x2F, 0x3F, 0x23].contains(bytes[start]) { start += 1 }
            authority = (target.lowerBound + scheme)..<start
            // An authority without a host, or with a user's name, is an error (RFC 9110, 4.2.1 and 4.2.4).
            guard !authority.isEmpty, bytes.extracting(authority).isHost else { return Self.invalidHost }
        }
        var pathEnd = start
        while pathEnd < target.upperBound, bytes[pathEnd] != 0x3F, bytes[pathEnd] != 0x23 { pathEnd += 1 }
        if pathEnd < target.upperBound, bytes[pathEnd] == 0x23 {
            return HTTPError(.badRequest, "a target has no fragment: write # as %23")
        }
        head.path = start..<pathEnd
        head.query = min(pathEnd + 1, target.upperBound)..<target.upperBound
        return nil
    }

    private static let invalidHost = HTTPError(.badRequest, "the host must read NAME or NAME:PORT")

    /// The length of the scheme of an absolute-form, with the slashes behind it; 0: it has none. Schemes are
    /// case-insensitive (RFC 3986, 3.1).
    private static func schemeLength(_ text: Span<UInt8>) -> Int {
        if text.count >= 7, text.extracting(0..<7).equalsIgnoringCase("http://") { return 7 }
        return text.count >= 8 && text.extracting(0..<8).equalsIgnoringCase("https://") ? 8 : 0
    }

    private mutating func field(_ line: Range<Int>, of bytes: Span<UInt8>) -> HTTPError? {
        if bytes[line.lowerBound] == 0x20 || bytes[line.lowerBound] == 0x09 {
            return HTTPError(.badRequest, "a header field must be on one line")
        }
        guard let colon = bytes.firstIndex(of: 0x3A, from: line.lowerBound), colon < line.upperBound,
            colon > line.lowerBound
        else { return HTTPError(.badRequest, "a header field must read NAME: VALUE") }
        for index in line.lowerBound..<colon where !bytes[index].isTokenCharacter {
            return HTTPError(.badRequest, "a header field's name contains an invalid character")
        }
        if bytes.extracting((colon + 1)..<line.upperBound).hasControls { return Self.controlByte }
        let trimmed = bytes.extracting((colon + 1)..<line.upperBound).trimmed()
        let value = (colon + 1 + trimmed.lowerBound)..<(colon + 1 + trimmed.upperBound)
        let name = bytes.extracting(line.lowerBound..<colon)
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            if hasHost { return HTTPError(.badRequest, "more than one Host field") }
            guard bytes.extracting(value).isHost else { return Self.invalidHost }
            hasHost = true
            head.host = value
        case 6 where name.equalsIgnoringCase("origin"):
            if hasOrigin { return HTTPError(.badRequest, "more than one Origin field") }
            hasOrigin = true
            head.origin = value
        case 6 where name.equalsIgnoringCase("expect"):
            guard bytes.extracting(value).equalsIgnoringCase("100-continue") else {
                return HTTPError(.expectationFailed, "the only supported expectation is 100-continue")
            }
            head.expectsContinue = true
        case 8 where name.equalsIgnoringCase("edit-key"):
            if !head.editKey.isEmpty { return HTTPError(.badRequest, "more than one Edit-Key field") }
            head.editKey = value
        case 9 where name.equalsIgnoringCase("x-api-key"):
            if !head.apiKey.isEmpty { return HTTPError(.badRequest, "more than one X-Api-Key field") }
            head.apiKey = value
        case 10 where name.equalsIgnoringCase("connection"):
            connection(bytes.extracting(value))
        case 12 where name.equalsIgnoringCase("content-type"):
            head.contentType = value
        case 13 where name.equalsIgnoringCase("authorization"):
            // It is ambiguous which of two is meant.
            if !head.authorization.isEmpty { return HTTPError(.badRequest, "more than one Authorization field") }
            head.authorization = value
        case 14 where name.equalsIgnoringCase("sec-fetch-site"):
            if !head.fetchSite.isEmpty { return HTTPError(.badRequest, "more than one Sec-Fetch-Site field") }
            head.fetchSite = value
        case 13 where name.equalsIgnoringCase("last-event-id"):
            head.lastEventID = value
        case 13 where name.equalsIgnoringCase("if-none-match"):
            head.ifNoneMatch = value
        case 14 where name.equalsIgnoringCase("content-length"):
            return contentLength(bytes.extracting(value))
        case 15 where name.equalsIgnoringCase("x-forwarded-for"):
            if !head.forwardedFor.isEmpty { head.earlierForwardedFor.append(head.forwardedFor) }
            head.forwardedFor = value
            head.isForwarded = true
        case 15 where name.equalsIgnoringCase("accept-encoding"):
            head.acceptEncoding = value
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            return transferEncoding(bytes.extracting(value))
        case 3 where name.equalsIgnoringCase("via"),
            9 where name.equalsIgnoringCase("forwarded") || name.equalsIgnoringCase("x-real-ip"),
            15... where name.extracting(0..<12).equalsIgnoringCase("x-forwarded-"):
            head.isForwarded = true
        default: break
        }
        return nil
    }

    private mutating func connection(_ value: Span<UInt8>) {
        var start = 0
        while start <= value.count {
            let end = value.firstIndex(of: 0x2C, from: start) ?? value.count
            let option = value.extracting(start..<end)
            let token = option.extracting(option.trimmed())
            if token.equalsIgnoringCase("close") {
                head.keepAlive = false
                return
            }
            if token.equalsIgnoringCase("keep-alive") { head.keepAlive = true }
            start = end + 1
        }
    }

    private mutating func contentLength(_ value: Span<UInt8>) -> HTTPError? {
        if hasLength { return HTTPError(.badRequest, "more than one Content-Length field") }
        hasLength = true
        guard value.count > 0 else { return HTTPError(.badRequest, "Content-Length must be a number") }
        var length = 0
        for index in 0..<value.count {
            guard value[index].isDigit else { return HTTPError(.badRequest, "Content-Length must be a number") }
            // Far beyond any limit, so a saturated value is refused as well; this avoids overflow.
            length = min(length * 10 + Int(value[index] - 0x30), 1 << 50)
        }
        head.framing = .length(length)
        return nil
    }

    private mutating func transferEncoding(_ value: Span<UInt8>) -> HTTPError? {
        if hasCoding { return HTTPError(.badRequest, "more than one Transfer-Encoding field") }
        hasCoding = true
        guard value.equalsIgnoringCase("chunked") else {
            return HTTPError(.notImplemented, "the only supported transfer coding is chunked")
        }
        return nil
    }

    /// Checks that need all fields.
    private mutating func finish() -> HTTPError? {
        if head.minorVersion == 1, !hasHost { return HTTPError(.badRequest, "HTTP/1.1 requires a Host field") }
        // RFC 9112, 3.2.2: the target's authority replaces what Host says.
        if !authority.isEmpty { head.host = authority }
        if hasCoding {
            if hasLength { return HTTPError(.badRequest, "both Content-Length and Transfer-Encoding") }
            if head.minorVersion == 0 { return HTTPError(.badRequest, "HTTP/1.0 has no Transfer-Encoding") }
            head.framing = .chunked
        }
        if case .length(0) = head.framing { head.framing = .none }
        if head.minorVersion == 0 { head.expectsContinue = false }
        return nil
    }
}

/// A request's head. Its ranges are offsets from the request's first byte and are valid while that input is kept.
struct RequestHead: Equatable {
    var method = HTTPMethod.unknown
    /// The target's path. Absolute-form is reduced to its path, which may be empty; `*` stays `*`.
    var path = 0..<0
    /// The target's query, without the question mark.
    var query = 0..<0
    /// 0 or 1.
    var minorVersion: UInt8 = 1
    /// Whether the client wants to keep the connection open.
    var keepAlive = true
    var framing = BodyFraming.none
    /// Whether the client waits for 100 (Continue) before it sends the body.
    var expectsContinue = false
    var contentType = 0..<0
    var ifNoneMatch = 0..<0
    var acceptEncoding = 0..<0
    var lastEventID = 0..<0
    /// The authority of the target, else the `Host` field.
    var host = 0..<0
    var origin = 0..<0
    /// The `Sec-Fetch-Site` field.
    var fetchSite = 0..<0
    var authorization = 0..<0
    var apiKey = 0..<0
    var editKey = 0..<0
    /// The last `X-Forwarded-For` field.
    var forwardedFor = 0..<0
    /// The earlier ones: together they are one list (RFC 9110, 5.3).
    var earlierForwardedFor: [Range<Int>] = []
    /// Whether a field shows that the request came through a proxy.
    var isForwarded = false
    /// The length of the head, including the empty line.
    var length = 0
}

/// The methods that the edge distinguishes.
enum HTTPMethod: UInt8, Equatable {
    case get, head, post, options, connect
    /// A method of RFC 9110 or RFC 5789 that no resource here supports: 405.
    case unsupported
    /// Anything else: 501.
    case unknown

    /// Parses a method. Methods are case-sensitive (RFC 9110, 9.1).
    init(_ bytes: Span<UInt8>) {
        switch bytes.count {
        case 3 where bytes.equals("GET"): self = .get
        case 3 where bytes.equals("PUT"): self = .unsupported
        case 4 where bytes.equals("HEAD"): self = .head
        case 4 where bytes.equals("POST"): self = .post
        case 5 where bytes.equals("PATCH") || bytes.equals("TRACE"): self = .unsupported
        case 6 where bytes.equals("DELETE"): self = .unsupported
        case 7 where bytes.equals("OPTIONS"): self = .options
        case 7 where bytes.equals("CONNECT"): self = .connect
        default: self = .unknown
        }
    }
}

/// How a request's body is delimited (RFC 9112, 6.3).
enum BodyFraming: Equatable {
    case none
    case length(Int)
    case chunked
}
