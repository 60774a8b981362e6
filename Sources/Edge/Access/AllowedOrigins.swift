/// The origins whose pages may read answers and post (RFC 6454; Fetch, 3.2).
///
/// The edge's own origin may do both, and so may those that are listed, each as a browser sends it:
/// `https://example.org`.
public enum AllowedOrigins: Sendable, Equatable {
    /// Pages of every origin may read. Only those of the edge's own origin and of these may post.
    case all(writers: [String])
    /// Pages of other origins than these may do neither.
    case listed([String])

    /// Pages of every origin may read, and only the edge's own may post.
    public static let any = AllowedOrigins.all(writers: [])

    private var names: [String] {
        switch self {
        case .all(let names), .listed(let names): names
        }
    }

    /// The largest number of listed origins.
    public static let maxCount = 256

    /// Whether a browser can send this text as an origin: scheme, host and, unless it is the scheme's default, port; in
    /// lower case and without a path.
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

    /// Classifies the origin of a request for the fields of its answer.
    func match(_ origin: Span<UInt8>, host: Span<UInt8>) -> OriginMatch {
        if case .all = self { return .any }
        return relation(of: origin, to: host)
    }

    /// Classifies the origin of a request: ``OriginMatch/absent``, `same`, `listed` or `foreign`.
    ///
    /// - Parameters:
    ///   - origin: the `Origin` field. Empty when no browser sent the request, and for reads from the same origin.
    ///   - host: the `Host` field.
    func relation(of origin: Span<UInt8>, to host: Span<UInt8>) -> OriginMatch {
        if origin.count == 0 { return .absent }
        for (index, name) in names.prefix(Self.maxCount).enumerated() where origin.equals(name) {
            return .listed(UInt8(index))
        }
        // The edge's own page. Behind a proxy that ends TLS the scheme is not known, so both are accepted.
        let scheme = origin.starts(with: "http://") ? 7 : origin.starts(with: "https://") ? 8 : 0
        if scheme > 0, host.count > 0, origin.extracting(scheme..<origin.count).equals(host) { return .same }
        return .foreign
    }
}

extension UInt8 {
    fileprivate var isLowercaseOrDigit: Bool { self &- 0x61 < 26 || isDigit }
}

extension Span where Element == UInt8 {
    /// Whether both are equal when the case of ASCII letters is ignored.
    fileprivate func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index].lowercasedASCII != other[index].lowercasedASCII { return false }
        return true
    }
}

/// How a request's origin relates to the allowed origins. Every connection stores one, so it takes two bytes.
enum OriginMatch: Equatable {
    /// Every origin is allowed.
    case any
    /// The request names no origin, so it is not a script of another origin.
    case absent
    /// The edge's own origin.
    case same
    /// The listed origin with this index.
    case listed(UInt8)
    /// Not allowed: its scripts cannot read the answer.
    case foreign
    /// Whatever it is: the answer is for the edge's own pages only, as a script, a picture or a frame as well.
    case concealed
}
