import DequeModule

/// The memory for buffered input and for answers that sockets did not take. Pure.
///
/// Input may use half of the limit and is refused beyond that, so that posts cannot push readers out. Answers may use
/// the rest: when more is needed, the answer that has been blocked longest is cut. A single input, or a single answer,
/// is accepted whatever its size.
final class MemoryBudget {
    private struct Blocked {
        let ticket: Int
        /// Bytes that only this answer holds.
        let own: Int
        /// The shared body; 0: none.
        let body: Int
    }

    private struct Body {
        let bytes: Int
        var holders = 0
    }

    /// Bytes of input.
    private(set) var input = 0
    /// Bytes of blocked answers. A shared body counts once.
    private(set) var output = 0
    /// May be set below the current use: nothing is cut before more memory is needed.
    var limit: Int
    private var blocked: [Int32: Blocked] = [:]
    private var bodies: [Int: Body] = [:]
    /// Blocked answers, oldest first. An entry whose ticket differs from its key's is stale.
    private var order: Deque<(key: Int32, ticket: Int)> = []
    private var ticket = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// Bytes of input and answers together.
    var bytes: Int { input + output }

    /// How many answers are blocked.
    var count: Int { blocked.count }

    // MARK: Input

    /// Records that input was buffered (positive) or consumed (negative).
    func addInput(_ difference: Int) {
        input += difference
    }

    /// Whether a connection's input may grow to this size.
    ///
    /// - Parameter own: how much of it is charged already.
    func allowsInput(of bytes: Int, own: Int) -> Bool {
        let others = input - own
        return others == 0 || others + bytes <= limit / 2
    }

    // MARK: Answers

    /// Records a blocked answer.
    ///
    /// - Parameters:
    ///   - key: identifies its connection. A blocked answer with the same key is replaced.
    ///   - own: bytes that only this answer holds.
    ///   - body: identifies a body that answers may share. The number must not be reused while an answer with it is
    ///     blocked.
    ///   - bodyBytes: the size of the body; 0: none.
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

    /// Records that a blocked answer was sent or dropped. Does nothing when there is none.
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

    /// The connection whose answer must be cut to fit the limit: the one blocked longest. Nil when everything fits, or
    /// only one answer is blocked.
    func answerToCut() -> Int32? {
        guard bytes > limit, blocked.count > 1 else { return nil }
        while let first = order.first {
            if blocked[first.key]?.ticket == first.ticket { return first.key }
            order.removeFirst()
        }
        return nil
    }

    /// Removes stale entries.
    private func compact() {
        guard order.count >= 32, blocked.count * 2 < order.count else { return }
        order.removeAll { blocked[$0.key]?.ticket != $0.ticket }
    }
}
