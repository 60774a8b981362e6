import Glibc

/// Posts one body after the other, each over a connection of its own, and reads the status of the answer.
struct AbuseClient {
    let port: UInt16
    /// The attacker's, so that its edits are of its own comments.
    private static let editKey = "an-attackers-edit-key-0"

    /// - Parameter address: what `X-Forwarded-For` says; nil: nothing.
    /// - Throws: ``LoadError`` when there is no answer.
    func post(_ body: String, from address: String?) throws(LoadError) -> Int {
        let descriptor = try LoopbackSocket.connect(to: port)
        defer { close(descriptor) }
        let named = address.map { "X-Forwarded-For: \($0)\r\n" } ?? ""
        let head = """
            POST /v1/comments HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(named)\
            Edit-Key: \(Self.editKey)\r\nContent-Length: \(body.utf8.count)\r\n\r\n
            """
        send(Array((head + body).utf8), to: descriptor)
        return try status(of: descriptor)
    }

    /// Sends until all is sent, or the server closes: it may refuse a request before it has read all of it.
    private func send(_ request: [UInt8], to descriptor: Int32) {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes { bytes in
                Glibc.send(
                    descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            sent += count
        }
    }

    private func status(of descriptor: Int32) throws(LoadError) -> Int {
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw LoadError("the edge gave no answer: \(LoadError.systemReason)") }
            input.append(contentsOf: buffer[..<count])
            switch input.withUnsafeBytes({ ResponseScanner.scan($0, lines: { _ in }) }) {
            case .part: continue
            case .nonsense: throw LoadError("the edge's answer is not HTTP")
            case .whole(let status, _, _, _): return status
            }
        }
    }
}
