/// Channels without readers, the longest idle first, each of which can have one again at any time. Constant time for all
/// of it; an array with holes, as ``SubscriptionQueue`` is one.
struct IdleQueue {
    private var slots: [Channel?] = []
    private var head = 0
    /// How many channels there are.
    private(set) var count = 0

    /// Appends a channel that is not listed.
    mutating func append(_ channel: Channel) {
        channel.idleTicket = slots.count
        slots.append(channel)
        count += 1
    }

    /// Takes a channel out. Harmless when it is not listed.
    mutating func remove(_ channel: Channel) {
        guard channel.idleTicket >= 0 else { return }
        slots[channel.idleTicket] = nil
        channel.idleTicket = -1
        count -= 1
        compact()
    }

    /// The channel that has had no reader for the longest time.
    mutating func first() -> Channel? {
        while head < slots.count {
            if let channel = slots[head] { return channel }
            head += 1
        }
        return nil
    }

    private mutating func compact() {
        guard slots.count >= 32, count * 2 < slots.count else { return }
        slots.removeAll { $0 == nil }
        head = 0
        for (index, channel) in slots.enumerated() { channel?.idleTicket = index }
    }
}
