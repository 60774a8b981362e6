/// What waits for clients in memory: input that is not whole yet or not looked at yet, and answers that sockets did not
/// take. Pure.
///
/// Input may take half of the limit: what does not fit is refused, so that posts cannot push readers out. Answers may take
/// all that is left: when more is needed, the one that has been blocked for the longest time goes. A single input, or a
/// single answer, is let through whatever its size.
final class MemoryBudget {
    private struct Blocked {
        let ticket: Int
        /// Bytes that no other answer has.
        let own: Int
        /// What it shares with others; 0: nothing.
        let body: Int
    }

    private struct Body {
        let bytes: Int
        var holders = 0
    }

    /// Bytes of input.
    private(set) var input = 0
    /// Bytes of blocked answers; a body that several share counts once.
    private(set) var output = 0
    /// Lower than what waits: nobody is cut off until more comes.
    var limit: Int
    private var blocked: [Int32: Blocked] = [:]
    private var bodies: [Int: Body] = [:]
    /// In the order in which they were blocked. Entries whose ticket is not their key's are of answers that are gone.
    private var order: [(key: Int32, ticket: Int)] = []
    private var head = 0
    private var ticket = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// All that waits.
    var bytes: Int { input + output }

    /// How many answers are blocked.
    var count: Int { blocked.count }

    // MARK: Input

    /// Input was received, or is done with.
    func addInput(_ difference: Int) {
        input += difference
    }

    /// Whether somebody's input may grow to so many bytes.
    ///
    /// - Parameter own: what is counted of it already.
    func allowsInput(of bytes: Int, own: Int) -> Bool {
        let others = input - own
        return others == 0 || others + bytes <= limit / 2
    }

    // MARK: Answers

    /// An answer is blocked.
    ///
    /// - Parameters:
    ///   - key: of its connection; another blocked answer of it is given up.
    ///   - own: bytes that only this answer has.
    ///   - body: tells a body apart that answers may share; the same number means the same bytes as long as one is blocked.
    ///   - bodyBytes: its size; 0: there is none.
    func block(_ key: Int32, own: Int, body: Int = 0, bodyBytes: Int = 0) {
        unblock(key)
        ticket += 1
        blocked[key] = Blocked(ticket: ticket, own: own, body: bodyBytes > 0 ? body : 0)
        order.append((key, ticket))
        output += own
        if bodyBytes > 0 {
            if bodies[body] == nil { output += bodyBytes }
            bodies[body, default: Body(bytes: bodyBytes)].holders += 1
        }
        compact()
    }

    /// A blocked answer was sent, or given up. Harmless when there is none.
    func unblock(_ key: Int32) {
        guard let entry = blocked.removeValue(forKey: key) else { return }
        output -= entry.own
        guard let body = bodies[entry.body] else { return }
        if body.holders > 1 {
            bodies[entry.body]?.holders -= 1
        } else {
            bodies[entry.body] = nil
            output -= body.bytes
        }
    }

    /// The connection whose answer has to go, for all to fit: the one blocked for the longest time. Nil when all fits, or
    /// one alone is left.
    func answerToCut() -> Int32? {
        guard bytes > limit, blocked.count > 1 else { return nil }
        while blocked[order[head].key]?.ticket != order[head].ticket { head += 1 }
        return order[head].key
    }

    /// So that what is gone takes no room for long.
    private func compact() {
        guard order.count >= 32, blocked.count * 2 < order.count else { return }
        order = order[head...].filter { blocked[$0.key]?.ticket == $0.ticket }
        head = 0
    }
}
