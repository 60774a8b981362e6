/// A network in CIDR notation: `10.0.0.0/8`, `2001:db8::/32`, or one address.
public struct AddressRange: Sendable, Equatable {
    private let base: ClientAddress
    /// Bits that have to agree, of 128.
    private let bits: Int

    /// Reads the notation. Nil for everything else, also when bits beyond the prefix are set.
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
