/// The deadlines of all connections: one per key, set and cancelled in constant time. Pure.
///
/// A key is a small number, the connection's descriptor, so that the wheel consists of flat arrays without objects.
/// Time is in milliseconds and given by the caller. A deadline never fires early, and at most one tick late.
struct TimerWheel {
    /// The duration of a slot.
    let tick: Int64

    private let mask: Int64
    /// The first key of each slot's list; -1 for none.
    private var slots: [Int32]
    private var nodes: [Node] = []
    /// The tick whose slot is scanned next. All earlier slots have been emptied of expired keys.
    private var current: Int64
    /// The last key of the current slot that was scanned and had not expired: the scan continues after it. -1: at the
    /// front.
    private var passed: Int32 = -1
    /// When the scan of the current slot began; nil: it has not begun.
    private var began: Int64?
    /// The number of deadlines.
    private(set) var count = 0
    /// How many keys were scanned, as a measure of cost.
    private(set) var looks = 0

    private struct Node {
        var next: Int32 = -1
        var previous: Int32 = -1
        /// -1 when not set.
        var deadline: Int64 = -1
    }

    /// - Parameter slots: a power of two. A deadline beyond `tick * slots` is scanned once more per revolution.
    init(tick: Int64 = 100, slots: Int = 1024, now: Int64) {
        self.tick = tick
        mask = Int64(slots - 1)
        self.slots = Array(repeating: -1, count: slots)
        current = now / tick
    }

    /// Sets a key's deadline and replaces an earlier one.
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

    /// Cancels a key's deadline. Does nothing when there is none.
    mutating func cancel(_ key: Int32) {
        guard Int(key) < nodes.count, nodes[Int(key)].deadline >= 0 else { return }
        unlink(key)
        nodes[Int(key)].deadline = -1
    }

    /// A key's deadline; nil when there is none.
    func deadline(of key: Int32) -> Int64? {
        guard Int(key) < nodes.count, nodes[Int(key)].deadline >= 0 else { return nil }
        return nodes[Int(key)].deadline
    }

    /// Removes and returns one key whose deadline has passed; nil when there is none. Call it until it returns nil.
    /// Between two calls, any deadline may be set or cancelled.
    ///
    /// However many calls it takes, a scan of a slot visits each key once, and once more if the slot's time ends during
    /// the scan.
    mutating func popExpired(now: Int64) -> Int32? {
        let last = now / tick
        // After a long pause every slot is scanned once, not once per missed tick.
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
            // Keys that had not expired when the scan began may have expired now; the slot would not be scanned again
            // for a whole revolution.
            turn(to: start / tick == current ? current : current + 1)
        }
        return nil
    }

    /// The key of the current slot that is scanned next.
    private func next() -> Int32? {
        let key = passed >= 0 ? nodes[Int(passed)].next : slots[Int(current & mask)]
        return key >= 0 ? key : nil
    }

    /// Starts a scan at the front of a tick's slot.
    private mutating func turn(to tick: Int64) {
        current = tick
        passed = -1
        began = nil
    }

    private func slot(of key: Int32) -> Int {
        // A deadline in the past belongs to the slot that is scanned next.
        Int(max(nodes[Int(key)].deadline / tick, 0) & mask)
    }

    private mutating func link(_ key: Int32) {
        let index = Int(key)
        if nodes[index].deadline / tick < current { nodes[index].deadline = current * tick }
        let slot = slot(of: key)
        // Insert behind the scan's position, so that a scan in progress finds it.
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
