/// The deadlines of all connections: one a key, set and taken back in constant time. Pure.
///
/// A key is a small number (a connection's descriptor), so that the wheel is a few flat arrays and no object. Time is
/// in milliseconds, given by the caller. A deadline never fires early, and up to one tick late.
struct TimerWheel {
    /// How long a slot lasts.
    let tick: Int64

    private let mask: Int64
    /// The first key of each slot's list, -1 for none.
    private var slots: [Int32]
    private var nodes: [Node] = []
    /// The tick whose slot is looked at next; all before were emptied of what was due.
    private var current: Int64
    /// How many deadlines are set.
    private(set) var count = 0

    private struct Node {
        var next: Int32 = -1
        var previous: Int32 = -1
        /// -1 when not set.
        var deadline: Int64 = -1
    }

    /// - Parameter slots: a power of two. Deadlines beyond `tick * slots` cost one more look a turn.
    init(tick: Int64 = 100, slots: Int = 1024, now: Int64) {
        self.tick = tick
        mask = Int64(slots - 1)
        self.slots = Array(repeating: -1, count: slots)
        current = now / tick
    }

    /// Sets a key's deadline, in place of the one it had.
    mutating func schedule(_ key: Int32, at deadline: Int64) {
        let index = Int(key)
        if index >= nodes.count {
            nodes.append(contentsOf: repeatElement(Node(), count: max(index + 1 - nodes.count, nodes.count)))
        }
        if nodes[index].deadline >= 0 { unlink(key) }
        nodes[index].deadline = max(0, deadline)
        link(key)
        count += 1
    }

    /// Takes a key's deadline back. Harmless when there is none.
    mutating func cancel(_ key: Int32) {
        guard Int(key) < nodes.count, nodes[Int(key)].deadline >= 0 else { return }
        unlink(key)
        nodes[Int(key)].deadline = -1
    }

    /// A key's deadline, when it has one.
    func deadline(of key: Int32) -> Int64? {
        guard Int(key) < nodes.count, nodes[Int(key)].deadline >= 0 else { return nil }
        return nodes[Int(key)].deadline
    }

    /// Takes out one key whose deadline has passed; nil when there is none. Call it until nil, one key at a time: what is
    /// done for a key may set or take back any other.
    mutating func popExpired(now: Int64) -> Int32? {
        let last = now / tick
        // After a long pause every slot is looked at once, not once for each tick missed.
        if last - current > mask { current = last - mask }
        while current <= last {
            var key = slots[Int(current & mask)]
            while key >= 0 {
                if nodes[Int(key)].deadline <= now {
                    cancel(key)
                    return key
                }
                key = nodes[Int(key)].next
            }
            if current == last { return nil }
            current += 1
        }
        return nil
    }

    private func slot(of key: Int32) -> Int {
        // A deadline in the past goes where the next look is.
        Int(max(nodes[Int(key)].deadline / tick, 0) & mask)
    }

    private mutating func link(_ key: Int32) {
        let index = Int(key)
        if nodes[index].deadline / tick < current { nodes[index].deadline = current * tick }
        let slot = slot(of: key)
        nodes[index].previous = -1
        nodes[index].next = slots[slot]
        if slots[slot] >= 0 { nodes[Int(slots[slot])].previous = key }
        slots[slot] = key
    }

    private mutating func unlink(_ key: Int32) {
        let node = nodes[Int(key)]
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { slots[slot(of: key)] = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous }
        count -= 1
    }
}
