import Glibc

/// The IP address of a client: 16 bytes, IPv4 as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2).
public struct ClientAddress: Sendable, Hashable {
    /// The first and the last eight bytes, in network order.
    let high: UInt64
    let low: UInt64

    private static let mapped: UInt64 = 0xFFFF

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(v4: UInt32) {
        self.init(high: 0, low: ClientAddress.mapped << 32 | UInt64(v4))
    }

    /// Reads the textual form. Nil for everything else.
    public init?(_ text: some StringProtocol) {
        let text = String(text)
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(v4: UInt32(bigEndian: four.s_addr))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        self = withUnsafeBytes(of: six) { ClientAddress(sixteen: Array($0)) }
    }

    /// Reads 16 bytes in network order.
    init(sixteen bytes: [UInt8]) {
        func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(high: word(bytes[..<8]), low: word(bytes[8..<16]))
    }

    /// Takes the address out of what accept(2) gave. Nil for a unix socket.
    init?(_ storage: sockaddr_storage) {
        switch Int32(storage.ss_family) {
        case AF_INET:
            let address = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self) }
            self.init(v4: UInt32(bigEndian: address.sin_addr.s_addr))
        case AF_INET6:
            let address = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in6.self) }
            self = withUnsafeBytes(of: address.sin6_addr) { ClientAddress(sixteen: Array($0)) }
        default: return nil
        }
    }

    var isV4: Bool { high == 0 && low >> 32 == ClientAddress.mapped }

    /// This machine itself: a proxy that nobody named, a tool of the operator.
    var isLoopback: Bool { isV4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1 }

    /// Whom the address stands for where clients are counted: one of IPv6 has a whole /64 for itself.
    var household: ClientAddress { isV4 ? self : ClientAddress(high: high, low: 0) }
}
