/// Lets the lanes of a worker into their stages: many at once, or one alone.
///
/// A lane is inside while its events are in a stage's hands. One over whose head a worker has died goes in alone, so that
/// another death speaks against that event and no other. All are let in in the order in which they came, so nobody
/// waits for ever as long as everybody inside leaves.
final class LaneGate {
    private struct Visitor {
        let lane: ObjectIdentifier
        let isAlone: Bool
        let enter: () -> Void
    }

    private var inside: Set<ObjectIdentifier> = []
    /// Who is inside wants to be alone.
    private var isShut = false
    private var waiting: [Visitor] = []
    private var isAdmitting = false

    /// Calls `body` when the lane may go in: at once, or when others have left. It has to leave again.
    ///
    /// - Parameters:
    ///   - lane: who comes; not inside and not waiting.
    ///   - alone: whether nobody else may be inside meanwhile.
    func enter(_ lane: AnyObject, alone: Bool, body: @escaping () -> Void) {
        waiting.append(Visitor(lane: ObjectIdentifier(lane), isAlone: alone, enter: body))
        admit()
    }

    /// The lane is done, or waits no longer.
    func leave(_ lane: AnyObject) {
        let lane = ObjectIdentifier(lane)
        if inside.remove(lane) != nil { isShut = false } else { waiting.removeAll { $0.lane == lane } }
        admit()
    }

    /// Who is let in may be done at once, and leave or come anew before this is over: then it goes on here, so that the
    /// stack does not grow with the number of lanes.
    private func admit() {
        guard !isAdmitting else { return }
        isAdmitting = true
        while let next = waiting.first, !isShut, !next.isAlone || inside.isEmpty {
            waiting.removeFirst()
            inside.insert(next.lane)
            isShut = next.isAlone
            next.enter()
        }
        isAdmitting = false
    }
}
