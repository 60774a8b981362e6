import Events

/// The names that an edge is reached under, as its configuration lists them.
public enum HostNames: Sendable, Equatable {
    /// Whatever a request names.
    case any
    /// These: a host, for any port, or a host and a port. In lower case, an IPv6 address in brackets.
    case named([String])

    /// The largest number of names.
    public static let maxCount = 256

    /// Whether a client can send this text as `Host`: `example.org`, `example.org:8443`, `[2001:db8::1]`; in lower case.
    public static func isHost(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= 255, bytes.span.isHost, !bytes.contains(where: { $0 &- 0x41 < 26 }) else {
            return false
        }
        let port = bytes.span.extracting(bytes.span.hostEnd..<bytes.count)
        return port.count != 1
    }
}

/// Decides which hosts an edge answers for: the `Host` of a request (RFC 9110, 7.2). Pure.
///
/// Anyone can have a name of their own lead to an edge that only some browsers reach, such as one on the loopback (DNS
/// rebinding). To those browsers their pages are then pages of the edge, and nothing but the `Host` tells the difference.
/// Such a name can be neither an address nor `localhost`.
struct AllowedHosts: Equatable {
    /// What a host may be used for.
    enum Match: Equatable {
        /// The edge's own name, or one that no page elsewhere can have: everything.
        case own
        /// It may be the edge's own, since nobody has said its names: reading what is public.
        case unknown
        /// Nothing.
        case foreign
    }

    private let names: HostNames
    /// The address that the edge listens on if only this machine can reach it.
    private let loopback: String?

    init(_ names: HostNames, at address: ListenAddress) {
        self.names = names
        if case .tcp(let host, _) = address, address.isLoopback {
            loopback = host.contains(":") ? "[\(host)]" : host
        } else {
            loopback = nil
        }
    }

    /// - Parameter host: the `Host` field, or the authority of the target. Empty in requests of no browser.
    func match(_ host: Span<UInt8>) -> Match {
        guard case .named(let names) = names, host.count > 0 else { return .own }
        let name = host.extracting(0..<host.hostEnd)
        if DashboardGate.isLoopback(host) { return .own }
        if let loopback, name.equals(ignoringCaseOf: loopback) { return .own }
        for known in names where host.equals(ignoringCaseOf: known) || name.equals(ignoringCaseOf: known) {
            return .own
        }
        if loopback != nil { return .foreign }
        if name.isAddress { return .own }
        return names.isEmpty ? .unknown : .foreign
    }
}

extension Span where Element == UInt8 {
    /// Where the host of a `Host` field ends and its port begins, if it has one.
    var hostEnd: Int {
        var index = count
        while index > 0, self[index - 1].isDigit { index -= 1 }
        return index > 0 && self[index - 1] == 0x3A ? index - 1 : count
    }

    /// Whether the bytes are `uri-host [ ":" port ]` (RFC 9110, 7.2; RFC 3986, 3.2.2).
    var isHost: Bool {
        let end = hostEnd
        guard end > 0 else { return count == 0 }
        if self[0] == 0x5B {
            guard end > 2, self[end - 1] == 0x5D else { return false }
            for index in 1..<(end - 1) where !self[index].isNameCharacter && self[index] != 0x3A { return false }
            return true
        }
        var index = 0
        while index < end {
            if self[index] == 0x25 {
                guard index + 2 < end, self[index + 1].hexadecimalValue != nil, self[index + 2].hexadecimalValue != nil
                else { return false }
                index += 2
            } else if !self[index].isNameCharacter {
                return false
            }
            index += 1
        }
        return true
    }

    /// Whether the host is an IPv4 address, or an IPv6 address in brackets.
    fileprivate var isAddress: Bool {
        guard count > 2, count <= 64 else { return false }
        let isBracketed = self[0] == 0x5B && self[count - 1] == 0x5D
        guard isBracketed || self[count - 1].isDigit else { return false }
        let text = isBracketed ? extracting(1..<(count - 1)) : self
        let address = text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        return address.contains(":") == isBracketed && ClientAddress(address) != nil
    }

    /// Whether both are equal when the case of ASCII letters is ignored.
    fileprivate func equals(ignoringCaseOf text: String) -> Bool {
        guard count == text.utf8.count else { return false }
        var index = 0
        for byte in text.utf8 {
            if self[index].lowercasedASCII != byte.lowercasedASCII { return false }
            index += 1
        }
        return true
    }
}

extension UInt8 {
    /// Whether it is in `unreserved` or `sub-delims` (RFC 3986, 2.2 and 2.3).
    fileprivate var isNameCharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x24, 0x26...0x2E, 0x3B, 0x3D, 0x5F, 0x7E: true
        default: false
        }
    }
}
