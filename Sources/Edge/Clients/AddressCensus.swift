/// Counts the connections of each client, of those from one address or one IPv6 /64. Pure.
struct AddressCensus {
    private let limit: Int
    private var counts: [ClientAddress: Int] = [:]

    /// - Parameter limit: 0: nobody is counted.
    init(limit: Int) {
        self.limit = limit
    }

    /// Counts one more. False, and not counted, when the client has as many as it may.
    mutating func enter(_ address: ClientAddress) -> Bool {
        guard limit > 0 else { return true }
        let count = counts[address.household, default: 0]
        guard count < limit else { return false }
        counts[address.household] = count + 1
        return true
    }

    mutating func leave(_ address: ClientAddress) {
        guard limit > 0, let count = counts[address.household] else { return }
        counts[address.household] = count > 1 ? count - 1 : nil
    }
}
