import Foundation

/// A blocking HTTP/1.1 client over one persistent connection, for one thread.
///
/// It sends exactly what the test specifies, plus `Host` and `Content-Length`. It knows no redirects, cookies or
/// compression.
public final class HTTPClient {
    public let port: UInt16
    /// The longest silence of the server before an error, in seconds.
    public var timeout: Double
    /// Called often while waiting; true ends the wait with an error.
    public var isCancelled: () -> Bool = { false }

    private var connection: StreamSocket?
    private var received: [UInt8] = []

    public init(port: UInt16, timeout: Double = 30) {
        self.port = port
        self.timeout = timeout
    }

    /// A client for `http://127.0.0.1:PORT/…`; the path is ignored.
    public convenience init(url: String, timeout: Double = 30) throws {
        guard let port = URL(string: url)?.port.flatMap({ UInt16(exactly: $0) }) else {
            throw TestSupportError("no port in \(url)")
        }
        self.init(port: port, timeout: timeout)
    }

    public func get(_ path: String, headers: [String: String] = [:]) throws -> HTTPResponse {
        try request("GET", path, headers: headers)
    }

    public func post(_ path: String, _ body: String, headers: [String: String] = [:]) throws -> HTTPResponse {
        try request("POST", path, headers: headers, body: body)
    }

    /// Sends a request and reads the response. A GET is sent again when the server has closed the persistent
    /// connection.
    public func request(
        _ method: String, _ path: String, headers: [String: String] = [:], body: String? = nil
    ) throws -> HTTPResponse {
        let bytes = Self.encode(method, path, port: port, headers: headers, body: body)
        if connection != nil, method == "GET" {
            do {
                return try exchange(bytes, method: method)
            } catch is ConnectionClosed {
                close()
            }
        }
        return try exchange(bytes, method: method)
    }

    /// Sends raw bytes, over a new connection when there is none.
    public func send(raw bytes: some Sequence<UInt8>) throws {
        let open = try connection ?? StreamSocket(port: port)
        connection = open
        try open.send(bytes, before: Deadline(in: timeout))
    }

    /// Sends raw text: `send(raw: "GET / HTTP/1.1\r\n\r\n")`.
    public func send(raw text: String) throws {
        try send(raw: Array(text.utf8))
    }

    /// Closes the connection for writing.
    public func finishSending() {
        connection?.finishSending()
    }

    /// Reads the next complete response.
    ///
    /// - Parameter method: the method of the request: a response to HEAD has no body.
    public func readResponse(to method: String = "GET") throws -> HTTPResponse {
        var response = try readHead()
        if method == "HEAD" || response.status == 204 || response.status == 304 || response.status < 200 {
            // No body.
        } else if response[header: "Transfer-Encoding"]?.lowercased() == "chunked" {
            while let chunk = try readChunk() { response.body += chunk }
        } else if let length = response[header: "Content-Length"].flatMap({ Int($0) }) {
            response.body = try take(length)
        } else {
            response.body = try readToEnd()
        }
        if response.closesConnection { close() }
        return response
    }

    /// Reads a status line and header fields, but not the body: for responses without an end.
    public func readHead() throws -> HTTPResponse {
        try HTTPResponse(head: takeText(upTo: "\r\n\r\n"))
    }

    /// Reads the next chunk of a chunked body; nil after the last one.
    public func readChunk() throws -> [UInt8]? {
        let line = try takeText(upTo: "\r\n")
        guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else { throw TestSupportError("chunk: \(line)") }
        let chunk = try take(size)
        guard try take(2) == Array("\r\n".utf8) else { throw TestSupportError("a chunk is longer than its size") }
        return size == 0 ? nil : chunk
    }

    /// Reads up to a text, inclusive: for responses without an end.
    public func readText(upTo mark: String) throws -> String {
        try takeText(upTo: mark) + mark
    }

    /// Reads until the server closes the connection.
    public func readToEnd() throws -> [UInt8] {
        while try fill() {}
        defer { close() }
        return received
    }

    /// Closes the connection. The next request opens another.
    public func close() {
        connection = nil
        received = []
    }

    private func exchange(_ bytes: [UInt8], method: String) throws -> HTTPResponse {
        do {
            try send(raw: bytes)
            return try readResponse(to: method)
        } catch {
            close()
            throw error
        }
    }

    private static func encode(
        _ method: String, _ path: String, port: UInt16, headers: [String: String], body: String?
    ) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.utf8.count)\r\n" }
        return Array((head + "\r\n" + (body ?? "")).utf8)
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while received.count < count {
            guard try fill() else { throw ConnectionClosed(received: received) }
        }
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
    }

    private func takeText(upTo mark: String) throws -> String {
        while true {
            if let range = received.firstRange(of: Array(mark.utf8)) {
                defer { received.removeSubrange(..<range.upperBound) }
                return String(decoding: received[..<range.lowerBound], as: UTF8.self)
            }
            guard try fill() else { throw ConnectionClosed(received: received) }
        }
    }

    /// Receives more bytes. Returns false when the server has closed the connection.
    private func fill() throws -> Bool {
        guard let connection else { throw TestSupportError("no connection: nothing was sent") }
        let bytes = try connection.receive(before: Deadline(in: timeout), isCancelled: isCancelled)
        received += bytes
        return !bytes.isEmpty
    }
}

/// The response of a server.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// The header fields as sent, in order.
    public let headers: [(name: String, value: String)]
    /// The body, with chunks joined.
    public internal(set) var body: [UInt8] = []

    /// Parses a status line and header fields, without the empty line that ends them.
    init(head: String) throws {
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
        let parts = (lines.popFirst() ?? "").split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else {
            throw TestSupportError("no HTTP answer: \(head.prefix(200))")
        }
        self.status = status
        headers = try lines.map { line in
            guard let colon = line.firstIndex(of: ":") else { throw TestSupportError("no header field: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            return (String(line[..<colon]), String(value))
        }
    }

    /// The value of a header field, ignoring the case of its name; nil when it was not sent.
    public subscript(header name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON.
    public var json: ParsedJSON {
        get throws {
            do {
                return try ParsedJSON(parsing: text)
            } catch {
                throw TestSupportError("status \(status), body is no JSON: \(text.prefix(500))")
            }
        }
    }

    /// Whether the server closes the connection after this response.
    var closesConnection: Bool {
        self[header: "Connection"]?.lowercased() == "close"
    }
}

/// The server closed the connection before its response was complete.
public struct ConnectionClosed: Error, CustomStringConvertible {
    /// The part of the response that was received.
    public let received: [UInt8]

    public var description: String {
        "the connection was closed after \(received.count) bytes: \(String(decoding: received.prefix(200), as: UTF8.self))"
    }
}
