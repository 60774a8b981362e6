/// Counts the connections of each client, of those from one address or one IPv6 /64. Pure.
struct AddressCounter {
    /// 0: any number. They are counted all the same: another limit may come, and then all must be known.
    var limit: Int
    private var counts: [ClientAddress: Int] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// Counts one more. False, and not counted, when the client has as many as it may.
    mutating func enter(_ address: ClientAddress) -> Bool {
        let count = counts[address.household, default: 0]
        guard limit == 0 || count < limit else { return false }
        counts[address.household] = count + 1
        return true
    }

    mutating func leave(_ address: ClientAddress) {
        guard let count = counts[address.household] else { return }
        counts[address.household] = count > 1 ? count - 1 : nil
    }
}
