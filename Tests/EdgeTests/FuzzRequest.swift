/// Requests that an edge answers with a status that is known, in all the forms that they can have.
struct FuzzRequest {
    let bytes: [UInt8]
    let status: Int

    init(using random: inout some RandomNumberGenerator) {
        let fields = (0..<Int.random(in: 0...3, using: &random)).map { "X-\($0): \(Self.word(&random))\r\n" }.joined()
        let host = "Host: \(Self.word(&random))\r\n"
        func head(_ line: String) -> String { "\(line) HTTP/1.1\r\n\(host)\(fields)" }
        let text: String
        switch Int.random(in: 0..<11, using: &random) {
        case 0: (text, status) = (head("GET /live") + "\r\n", 200)
        case 1: (text, status) = (head("GET /none/\(Self.word(&random))") + "\r\n", 404)
        case 2: (text, status) = (head("HEAD /live") + "\r\n", 200)
        case 3: (text, status) = (head("OPTIONS /v1/poll") + "\r\n", 204)
        case 4: (text, status) = (head("GET /v1/comments") + "\r\n", 405)
        case 5: (text, status) = (head("BREW /v1/comments") + "\r\n", 501)
        case 6: (text, status) = (head("GET /v1/channels/thread:1?offset=-1&live=long-poll") + "\r\n", 200)
        case 7: (text, status) = (head("GET /v1/poll?c=thread:1@-1&c=thread:%31%32@now") + "\r\n", 200)
        case 8: (text, status) = (head("GET /v1/channels/thread:1?offset=\(Self.word(&random))") + "\r\n", 400)
        case 9:
            let body = Self.body(&random)
            (text, status) = (head("POST /v1/comments") + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)", 202)
        default:
            let body = Self.chunked(Self.body(&random), &random)
            (text, status) = (head("POST /v1/comments") + "Transfer-Encoding: chunked\r\n\r\n\(body)", 202)
        }
        bytes = Array(text.utf8)
    }

    private static func word(_ random: inout some RandomNumberGenerator) -> String {
        String(
            (0..<Int.random(in: 1...12, using: &random)).map { _ in "abcdefghijk".randomElement(using: &random) ?? "l" }
        )
    }

    private static func body(_ random: inout some RandomNumberGenerator) -> String {
        let size = Int.random(in: 1...(Int.random(in: 0..<8, using: &random) == 0 ? 20_000 : 300), using: &random)
        return "{\"text\":\"" + String(repeating: word(&random), count: size / 6 + 1) + "\"}"
    }

    private static func chunked(_ body: String, _ random: inout some RandomNumberGenerator) -> String {
        var text = ""
        var rest = Substring(body)
        while !rest.isEmpty {
            let chunk = rest.prefix(Int.random(in: 1...5000, using: &random))
            rest = rest.dropFirst(chunk.count)
            text += String(chunk.count, radix: 16, uppercase: Bool.random(using: &random)) + "\r\n\(chunk)\r\n"
        }
        return text + "0\r\n\r\n"
    }
}
