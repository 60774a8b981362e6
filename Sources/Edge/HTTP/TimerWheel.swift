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
    /// The last key of the current slot that was looked at and is not due: the look goes on behind it. -1: at the front.
    private var passed: Int32 = -1
    /// When the look through the current slot began; nil: it has not.
    private var began: Int64?
    /// How many deadlines are set.
    private(set) var count = 0
    /// How often a key was looked at: what it costs.
    private(set) var looks = 0

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
    ///
    /// However many calls it takes, each key of a slot is looked at once in a look through it, and once more when the slot's
    /// time is over meanwhile.
    mutating func popExpired(now: Int64) -> Int32? {
        let last = now / tick
        // After a long pause every slot is looked at once, not once for each tick missed.
        if last - current > mask { turn(to: last - mask) }
        while current <= last {
            let start = began ?? now
            began = start
            while let key = next() {
                looks += 1
                if nodes[Int(key)].deadline <= now {
                    cancel(key)
                    return key
                }
                passed = key
            }
            if current == last {
                turn(to: current)
                return nil
            }
            // What was not due when the look began is due now: the slot is left for a whole turn.
            turn(to: start / tick == current ? current : current + 1)
        }
        return nil
    }

    /// The key of the current slot that is looked at next.
    private func next() -> Int32? {
        let key = passed >= 0 ? nodes[Int(passed)].next : slots[Int(current & mask)]
        return key >= 0 ? key : nil
    }

    /// Begins anew at the front of a tick's slot.
    private mutating func turn(to tick: Int64) {
        current = tick
        passed = -1
        began = nil
    }

    private func slot(of key: Int32) -> Int {
        // A deadline in the past goes where the next look is.
        Int(max(nodes[Int(key)].deadline / tick, 0) & mask)
    }

    private mutating func link(_ key: Int32) {
        let index = Int(key)
        if nodes[index].deadline / tick < current { nodes[index].deadline = current * tick }
        let slot = slot(of: key)
        // Where a look is under way it comes next, so that the look finds it.
        let previous = slot == Int(current & mask) ? passed : -1
        let next = previous >= 0 ? nodes[Int(previous)].next : slots[slot]
        nodes[index].previous = previous
        nodes[index].next = next
        if next >= 0 { nodes[Int(next)].previous = key }
        if previous >= 0 { nodes[Int(previous)].next = key } else { slots[slot] = key }
    }

    private mutating func unlink(_ key: Int32) {
        let node = nodes[Int(key)]
        if key == passed { passed = node.previous }
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { slots[slot(of: key)] = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous }
        count -= 1
    }
}
