internal import DequeModule

/// Lets the lanes of a worker into their stages: many at once, or one isolated from the others.
///
/// A lane is inside while a stage works on its events. A suspect lane, whose head event may have crashed a worker, goes
/// in isolated: if the worker crashes again, no other event can be the cause. Lanes enter in the order in which they
/// came, so none waits for ever as long as all of them leave.
final class IsolationGate {
    private struct Visitor {
        let lane: ObjectIdentifier
        let isIsolated: Bool
        let enter: () -> Void
    }

    private var inside: Set<ObjectIdentifier> = []
    /// The lane inside is isolated: no other may enter.
    private var isShut = false
    private var waiting: Deque<Visitor> = []
    private var isAdmitting = false

    /// Calls `body` when the lane may enter: at once, or when others have left. The lane has to leave again.
    ///
    /// - Parameters:
    ///   - lane: neither inside nor waiting.
    ///   - isolated: whether no other lane may be inside meanwhile.
    func enter(_ lane: AnyObject, isolated: Bool, body: @escaping () -> Void) {
        waiting.append(Visitor(lane: ObjectIdentifier(lane), isIsolated: isolated, enter: body))
        admit()
    }

    /// The lane is done, or waits no longer.
    func leave(_ lane: AnyObject) {
        let lane = ObjectIdentifier(lane)
        if inside.remove(lane) != nil { isShut = false } else { waiting.removeAll { $0.lane == lane } }
        admit()
    }

    /// A lane that enters may be done at once, and leave or come again before `enter` returns. The outer call admits the
    /// next one then, so that the stack does not grow with the number of lanes.
    private func admit() {
        guard !isAdmitting else { return }
        isAdmitting = true
        while let next = waiting.first, !isShut, !next.isIsolated || inside.isEmpty {
            waiting.removeFirst()
            inside.insert(next.lane)
            isShut = next.isIsolated
            next.enter()
        }
        isAdmitting = false
    }
}
