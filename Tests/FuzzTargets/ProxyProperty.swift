@testable import Edge

/// A PROXY header ends within the bytes, what follows it does not matter, and less of it is never something else.
enum ProxyProperty {
    private static let trust = ProxyTrust(ranges: ["10.0.0.0/8", "2001:db8::/32"].compactMap(AddressRange.init))

    static func violation(_ bytes: [UInt8]) -> String? {
        let progress = ProxyHeader.parse(bytes)
        if case .complete(let length, _) = progress {
            guard (8...bytes.count).contains(length) else { return "a header of \(length) bytes" }
            guard ProxyHeader.parse(Array(bytes[..<length])) == progress else { return "what follows matters" }
            for end in 0..<length where ProxyHeader.parse(Array(bytes[..<end])) != .needsMore {
                return "cut at \(end) it is something else"
            }
        }
        // Whoever is named, none of ours is taken for a client when somebody else stands behind the last comma.
        if let client = trust.client(forwardedFor: bytes.span), trust.isProxy(client) {
            let last = String(decoding: bytes.split(separator: 0x2C).last ?? [], as: UTF8.self)
            if let address = ClientAddress(last), !trust.isProxy(address), !bytes.hasSuffix(0x2C) {
                return "a proxy was taken for the client"
            }
        }
        return nil
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ byte: UInt8) -> Bool { last == byte }
}
