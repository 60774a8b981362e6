/// Whose scripts may read answers and post: the pages of these origins (RFC 6454; Fetch, 3.2).
public enum AllowedOrigins: Sendable, Equatable {
    /// Those of every page.
    case any
    /// Those of pages of the edge itself, and of these, each as a browser sends it: `https://example.org`.
    case listed([String])

    /// The most that can be listed.
    public static let maxCount = 256

    /// Whether a browser can send this as its origin: scheme, host, and the port unless it is the scheme's own, in lower
    /// case and without a path.
    public static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard text.utf8.count <= 512, parts.count == 2, let first = parts[0].utf8.first,
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
            parts[0].utf8.allSatisfy({ $0.isLowercaseOrDigit || [0x2B, 0x2D, 0x2E].contains($0) })
        else { return false }
        var host = parts[1]
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            let digits = host[host.index(after: colon)...]
            guard let port = UInt16(digits), port > 0, String(port) == digits,
                !(parts[0] == "http" && port == 80), !(parts[0] == "https" && port == 443)
            else { return false }
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return !address.isEmpty
                && address.utf8.allSatisfy { $0.hexadecimalValue != nil || $0 == 0x3A || $0 == 0x2E }
                && address.utf8.allSatisfy { $0 < 0x41 || $0 > 0x5A }
        }
        return !host.isEmpty && host.utf8.allSatisfy { $0.isLowercaseOrDigit || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    /// What a request's origin is to us.
    ///
    /// - Parameters:
    ///   - origin: the `Origin` field; empty: none, which is no browser's script, or one of the same origin that reads.
    ///   - host: the `Host` field.
    func match(_ origin: Span<UInt8>, host: Span<UInt8>) -> OriginMatch {
        guard case .listed(let names) = self else { return .any }
        if origin.count == 0 { return .absent }
        for (index, name) in names.prefix(Self.maxCount).enumerated() where origin.equals(name) {
            return .listed(UInt8(index))
        }
        // A page of the edge itself. Behind a proxy that ends TLS its scheme is not known.
        let scheme = origin.starts(with: "http://") ? 7 : origin.starts(with: "https://") ? 8 : 0
        if scheme > 0, host.count > 0, origin.extracting(scheme..<origin.count).equals(host) { return .same }
        return .foreign
    }
}

extension UInt8 {
    fileprivate var isLowercaseOrDigit: Bool { self &- 0x61 < 26 || isDigit }
}

extension Span where Element == UInt8 {
    /// Whether both are the same when ASCII letters are compared without case.
    fileprivate func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index].lowercasedASCII != other[index].lowercasedASCII { return false }
        return true
    }
}

/// What the origin of a request is to the edge. Two bytes: every connection has one.
enum OriginMatch: Equatable {
    /// Every origin is welcome.
    case any
    /// None is named: no browser asks for a script of another origin.
    case absent
    /// The edge's own.
    case same
    /// One of the list.
    case listed(UInt8)
    /// None of the list: its scripts read nothing.
    case foreign
}
