internal import Redis

/// A lane that is a worker's, as an answer of `tidings_balance` names it. Source of the form: tidings.lua.
struct LaneGrant {
    let lane: LaneID
    /// The fencing token of the lease.
    let token: String
    /// The worker before may have died over the head of the queue.
    let isCareful: Bool
    let isPaused: Bool
    /// It is beyond the worker's share, and is to be given back.
    let isSurplus: Bool
    /// How often the head event was begun by workers that did not come back.
    let attempts: Int
    /// The queue holds an event.
    let isWaiting: Bool

    /// Nil for what is no lane.
    init?(_ value: RedisValue) {
        guard let parts = value.array, parts.count >= 8, let stage = parts[1].text, let token = parts[2].text else {
            return nil
        }
        lane = LaneID(stage: stage, partition: parts[0].text.flatMap(Int.init))
        self.token = token
        isCareful = parts[3].text == "1"
        isPaused = parts[4].text == "1"
        isSurplus = parts[5].text == "1"
        attempts = parts[6].text.flatMap(Int.init) ?? 0
        isWaiting = parts[7].text == "1"
    }
}
