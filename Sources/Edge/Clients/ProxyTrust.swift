/// Which peers are proxies of ours, whose word on a client's address is taken. Pure.
public struct ProxyTrust: Sendable, Equatable {
    /// Where proxies connect from.
    public var ranges: [AddressRange]
    /// Whether they begin each connection with a PROXY protocol header. Otherwise they name the client in
    /// `X-Forwarded-For`.
    public var speaksProxyProtocol: Bool

    public init(ranges: [AddressRange] = [], speaksProxyProtocol: Bool = false) {
        self.ranges = ranges
        self.speaksProxyProtocol = speaksProxyProtocol
    }

    /// Connections of a unix socket come from this machine: whoever may open it is trusted.
    func isProxy(_ peer: ClientAddress?) -> Bool {
        guard !ranges.isEmpty else { return false }
        guard let peer else { return true }
        return ranges.contains { $0.contains(peer) }
    }

    /// The client that a head names in its `X-Forwarded-For` fields, which are one list.
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

    /// The client in an `X-Forwarded-For` field: the last address that is no proxy of ours, for what stands before it
    /// anybody may have written. Nil when there is none, or when something else than addresses stands there.
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

    /// An address, with or without a port, as proxies write it.
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
