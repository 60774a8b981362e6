import Glibc

/// Writes the heads of responses into one reused buffer.
struct ResponseHead {
    private(set) var bytes: [UInt8] = []
    /// Fields of every response, encoded.
    private let common: [UInt8]
    /// The listed origins, in order.
    private let origins: [[UInt8]]
    /// The origin of requests that could not be parsed.
    let unknownOrigin: OriginMatch
    /// The `Date` field of the current second.
    private var date: [UInt8] = []
    private var dateSecond: Int64 = -1

    /// - Parameter origins: the origins whose scripts may read responses.
    init(origins: AllowedOrigins) {
        var common: [UInt8] = []
        common.append("X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: cross-origin\r\n")
        switch origins {
        case .all: self.origins = []
        case .listed(let names):
            common.append("Vary: Origin\r\n")
            self.origins = names.map { Array($0.utf8) }
        }
        self.common = common
        unknownOrigin = if case .all = origins { .any } else { .absent }
        bytes.reserveCapacity(1024)
    }

    /// Begins a head.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970, for the `Date` field (RFC 9110, 6.6.1).
    ///   - caching: the `Cache-Control` field.
    ///   - origin: the request's origin, which decides whether its scripts may read the response (Fetch, 3.2.3).
    mutating func begin(_ status: HTTPStatus, now: Int64, caching: Caching = .none, origin: OriginMatch) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(status.line)
        bytes.append(caching.field)
        if now != dateSecond { renewDate(now) }
        bytes.append(contentsOf: date)
        if origin == .concealed {
            bytes.append("X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n")
            return
        }
        bytes.append(contentsOf: common)
        switch origin {
        case .any: bytes.append("Access-Control-Allow-Origin: *\r\n")
        case .listed(let index):
            bytes.append("Access-Control-Allow-Origin: ")
            bytes.append(contentsOf: origins[Int(index)])
            bytes.append("\r\n")
        case .absent, .same, .foreign, .concealed: return
        }
        bytes.append("Access-Control-Expose-Headers: ")
        bytes.append("Stream-Next-Offset, Stream-Up-To-Date, Stream-Closed, Stream-Cursor, ETag, Retry-After, ")
        bytes.append("WWW-Authenticate\r\n")
    }

    /// Appends the fields of a response that exists in gzip form as well.
    mutating func encoding(isGzip: Bool) {
        if isGzip { field("Content-Encoding: ", "gzip") }
        field("Vary: ", "Accept-Encoding")
    }

    /// Appends a field whose value needs no escaping.
    mutating func field(_ nameAndColon: StaticString, _ value: StaticString) {
        bytes.append(nameAndColon)
        bytes.append(value)
        bytes.append("\r\n")
    }

    mutating func field(_ nameAndColon: StaticString, _ value: Int64) {
        bytes.append(nameAndColon)
        bytes.appendDecimal(value)
        bytes.append("\r\n")
    }

    mutating func field(_ nameAndColon: StaticString, _ value: Position) {
        bytes.append(nameAndColon)
        value.write(into: &bytes)
        bytes.append("\r\n")
    }

    /// Appends a field without the control characters of its value.
    mutating func field(_ nameAndColon: StaticString, text: String) {
        bytes.append(nameAndColon)
        for byte in text.utf8 where byte >= 0x20 && byte != 0x7F { bytes.append(byte) }
        bytes.append("\r\n")
    }

    /// Appends the fields that frame the body, and the empty line.
    ///
    /// - Parameter length: nil to omit `Content-Length`.
    mutating func end(length: Int?, keepAlive: Bool, isHTTP10: Bool) {
        if let length { field("Content-Length: ", Int64(length)) }
        if !keepAlive {
            bytes.append("Connection: close\r\n")
        } else if isHTTP10 {
            bytes.append("Connection: keep-alive\r\n")
        }
        bytes.append("\r\n")
    }

    /// Appends a body to the finished head.
    mutating func append(_ body: [UInt8]) {
        bytes.append(contentsOf: body)
    }

    private mutating func renewDate(_ now: Int64) {
        var seconds = time_t(now)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts)
        date = buffer.prefix(count).map { UInt8(bitPattern: $0) }
        dateSecond = now
    }
}

/// How caches may store a response.
enum Caching {
    /// Never: it is true only now.
    case none
    /// Never, and proxies must not buffer or compress it: a stream would not arrive.
    case noneUntouched
    /// For five minutes, then revalidate.
    case minutes
    /// In a browser's own cache, which asks each time whether it is still the same.
    case revalidated

    /// The `Cache-Control` field, encoded.
    var field: StaticString {
        switch self {
        case .none: "Cache-Control: no-store\r\n"
        case .noneUntouched: "Cache-Control: no-store, no-transform\r\n"
        case .minutes: "Cache-Control: public, max-age=300\r\n"
        case .revalidated: "Cache-Control: private, no-cache\r\n"
        }
    }
}
