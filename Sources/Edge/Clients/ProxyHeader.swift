/// Reads the header of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt). Pure.
enum ProxyHeader {
    enum Progress: Equatable {
        case needsMore
        /// The header's length, and the client; nil when the proxy speaks for itself, or does not know.
        case complete(length: Int, client: ClientAddress?)
        case malformed
    }

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// The longest line of version 1, with its end.
    private static let longestLine = 107
    /// The longest header of version 2 that is borne: addresses, and what a proxy adds about TLS.
    private static let longestBlock = 2048

    static func parse(_ bytes: [UInt8]) -> Progress {
        let common = min(bytes.count, signature.count)
        if bytes[..<common].elementsEqual(signature[..<common]) {
            return bytes.count < 16 ? .needsMore : block(bytes)
        }
        return line(bytes)
    }

    private static func block(_ bytes: [UInt8]) -> Progress {
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard bytes[12] >> 4 == 2, bytes[12] & 0x0F <= 1, length <= longestBlock else { return .malformed }
        guard bytes.count >= 16 + length else { return .needsMore }
        let isLocal = bytes[12] & 0x0F == 0
        switch bytes[13] {
        case _ where isLocal: return .complete(length: 16 + length, client: nil)
        case 0x11, 0x12:
            guard length >= 12 else { return .malformed }
            let address = bytes[16..<20].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return .complete(length: 16 + length, client: ClientAddress(v4: address))
        case 0x21, 0x22:
            guard length >= 36 else { return .malformed }
            return .complete(length: 16 + length, client: ClientAddress(sixteen: Array(bytes[16..<32])))
        // Not known, or a unix socket.
        case 0x00, 0x31, 0x32: return .complete(length: 16 + length, client: nil)
        default: return .malformed
        }
    }

    private static func line(_ bytes: [UInt8]) -> Progress {
        let start = Array("PROXY ".utf8)
        let common = min(bytes.count, start.count)
        guard bytes[..<common].elementsEqual(start[..<common]) else { return .malformed }
        guard let end = bytes.prefix(longestLine).firstIndex(of: 0x0A) else {
            return bytes.count >= longestLine ? .malformed : .needsMore
        }
        guard bytes[end - 1] == 0x0D, let text = String(validating: bytes[6..<(end - 1)], as: UTF8.self) else {
            return .malformed
        }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        if words.first == "UNKNOWN" { return .complete(length: end + 1, client: nil) }
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6", isPort(words[3]), isPort(words[4]),
            let client = ClientAddress(words[1]), let server = ClientAddress(words[2]),
            words[1].contains(":") == (words[0] == "TCP6"), words[2].contains(":") == (words[0] == "TCP6")
        else { return .malformed }
        _ = server
        return .complete(length: end + 1, client: client)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.count <= 5 && text.utf8.allSatisfy(\.isDigit) && UInt16(text) != nil
            && (text == "0" || !text.hasPrefix("0"))
    }
}
