/// The proxies whose statement of a client's address is trusted. Pure.
public struct ProxyTrust: Sendable, Equatable {
    /// The networks that proxies connect from.
    public var ranges: [AddressRange]
    /// Whether proxies begin each connection with a PROXY protocol header. Otherwise they name the client in
    /// `X-Forwarded-For`.
    public var speaksProxyProtocol: Bool

    public init(ranges: [AddressRange] = [], speaksProxyProtocol: Bool = false) {
        self.ranges = ranges
        self.speaksProxyProtocol = speaksProxyProtocol
    }

    /// A connection over a unix socket comes from this machine, and the file's permissions decide who may connect:
    /// trust it.
    func isProxy(_ peer: ClientAddress?) -> Bool {
        guard !ranges.isEmpty else { return false }
        guard let peer else { return true }
        return ranges.contains { $0.contains(peer) }
    }

    /// The client that the `X-Forwarded-For` fields of a head name. Several fields are one list.
    func client(in head: RequestHead, of bytes: Span<UInt8>) -> ClientAddress? {
        let last = bytes.extracting(head.forwardedFor)
        if head.earlierForwardedFor.isEmpty { return client(forwardedFor: last) }
        var joined: [UInt8] = []
        for range in head.earlierForwardedFor {
            joined.append(contentsOf: bytes.extracting(range).array())
            joined.append(0x2C)
        }
        joined.append(contentsOf: last.array())
        return client(forwardedFor: joined.span)
    }

    /// The client in an `X-Forwarded-For` value: the last address that is not one of our proxies, since anyone may have
    /// written what stands before it. Nil when there is none, or when it is not an address.
    func client(forwardedFor value: Span<UInt8>) -> ClientAddress? {
        var end = value.count
        var last: ClientAddress?
        while end >= 0 {
            var start = end
            while start > 0, value[start - 1] != 0x2C { start -= 1 }
            let element = value.extracting(start..<end)
            let text = element.extracting(element.trimmed())
            guard let address = ProxyTrust.address(text) else { return last }
            last = address
            if !isProxy(address) { return address }
            end = start - 1
        }
        return last
    }

    /// An address with or without a port, as proxies write it.
    private static func address(_ bytes: Span<UInt8>) -> ClientAddress? {
        guard bytes.count <= 64 else { return nil }
        let text = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        if let address = ClientAddress(text) { return address }
        if text.hasPrefix("["), let close = text.firstIndex(of: "]") {
            return ClientAddress(text[text.index(after: text.startIndex)..<close])
        }
        return text.lastIndex(of: ":").flatMap { ClientAddress(text[..<$0]) }
    }
}

/// Parses the header of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt). Pure.
enum ProxyHeader {
    enum Progress: Equatable {
        case needsMore
        /// The header's length, and the client; nil when the proxy connects on its own behalf, or does not know the
        /// client.
        case complete(length: Int, client: ClientAddress?)
        case malformed
    }

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// The longest line of version 1, including CR LF.
    private static let longestLine = 107
    /// The longest accepted header of version 2: addresses, and the TLS information that a proxy adds.
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
        // Unspecified, or a unix socket.
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
