/// What a server answered.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// The header fields as sent, in their order.
    public let headers: [(name: String, value: String)]
    /// The body, with any chunked coding undone.
    public internal(set) var body: [UInt8] = []

    /// Reads a status line and header fields, without the empty line that ends them.
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

    /// The value of a header field, its name in any case; nil when it was not sent.
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

    /// Whether the server ends the connection after this answer.
    var closesConnection: Bool {
        self[header: "Connection"]?.lowercased() == "close"
    }
}
