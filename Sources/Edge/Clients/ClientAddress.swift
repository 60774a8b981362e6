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

    /// Reads the textual form; nil for anything else.
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

    /// The address that accept(2) returned; nil for a unix socket.
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

    /// Whether it is this machine: a local tool, or a proxy that is not configured.
    var isLoopback: Bool { isV4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1 }

    /// The address that connections are counted by: an IPv6 client has a whole /64.
    var countedNetwork: ClientAddress { isV4 ? self : ClientAddress(high: high, low: 0) }
}

/// A network in CIDR notation: `10.0.0.0/8`, `2001:db8::/32`, or one address.
public struct AddressRange: Sendable, Equatable {
    private let base: ClientAddress
    /// The length of the prefix, of 128 bits.
    private let bits: Int

    /// Reads CIDR notation; nil for anything else, and when bits beyond the prefix are set.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = ClientAddress(parts[0]) else { return nil }
        let width = base.isV4 ? 32 : 128
        guard let length = parts.count == 1 ? width : Int(parts[1]), (0...width).contains(length) else { return nil }
        self.base = base
        bits = length + 128 - width
        guard masked(base) == base else { return nil }
    }

    func contains(_ address: ClientAddress) -> Bool { masked(address) == base }

    private func masked(_ address: ClientAddress) -> ClientAddress {
        func mask(_ count: Int) -> UInt64 { count <= 0 ? 0 : count >= 64 ? .max : ~(UInt64.max >> count) }
        return ClientAddress(high: address.high & mask(bits), low: address.low & mask(bits - 64))
    }
}

/// Counts the connections of each client, by IPv4 address or IPv6 /64. Pure.
struct AddressCounter {
    /// 0: unlimited. Connections are counted even then, since a later limit needs all of them.
    var limit: Int
    private var counts: [ClientAddress: Int] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// Counts one connection. Returns false, and counts nothing, when the client is at the limit.
    mutating func enter(_ address: ClientAddress) -> Bool {
        let count = counts[address.countedNetwork, default: 0]
        guard limit == 0 || count < limit else { return false }
        counts[address.countedNetwork] = count + 1
        return true
    }

    mutating func leave(_ address: ClientAddress) {
        guard let count = counts[address.countedNetwork] else { return }
        counts[address.countedNetwork] = count > 1 ? count - 1 : nil
    }
}
