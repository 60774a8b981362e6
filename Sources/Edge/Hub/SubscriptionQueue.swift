/// Readers that wait, first come first served, each of which can leave at any time. Constant time for all of it.
///
/// An array with holes: a watch knows its ticket, and the ticket tells its place. Holes are closed when they are many.
struct SubscriptionQueue {
    private var slots: [Subscription?] = []
    /// The ticket of `slots[0]`.
    private var base = 0
    private var head = 0
    /// How many wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Appends a watch and gives it its ticket.
    mutating func append(_ subscription: Subscription) {
        subscription.ticket = base + slots.count
        slots.append(subscription)
        count += 1
    }

    /// Takes a watch out. It must be in this queue.
    mutating func remove(_ subscription: Subscription) {
        slots[subscription.ticket - base] = nil
        count -= 1
        compact()
    }

    /// The first that waits.
    mutating func first() -> Subscription? {
        while head < slots.count {
            if let subscription = slots[head] { return subscription }
            head += 1
        }
        compact()
        return nil
    }

    mutating func popFirst() -> Subscription? {
        guard let subscription = first() else { return nil }
        remove(subscription)
        return subscription
    }

    private mutating func compact() {
        if count == 0 {
            base += slots.count
            slots.removeAll(keepingCapacity: slots.count < 64)
            head = 0
            return
        }
        guard slots.count >= 32, count * 2 < slots.count else { return }
        // New tickets begin where the old ones end, so that no two watches ever had the same one.
        base += slots.count
        slots = slots.filter { $0 != nil }
        head = 0
        for (index, subscription) in slots.enumerated() { subscription?.ticket = base + index }
    }
}
