import Redis

/// A lane that a worker owns, as `tidings_balance` names it.
package struct LaneGrant: Equatable {
    package let lane: LaneID
    /// The fencing token of the lease.
    package let token: String
    /// The worker before may have died over the head of the queue.
    package let isSuspect: Bool
    package let isPaused: Bool
    /// The lane is beyond the worker's share, and is to be given back.
    package let isSurplus: Bool
    /// How often the head event was begun by workers that did not come back.
    package let attempts: Int
    /// The queue holds an event.
    package let isWaiting: Bool

    /// Nil for what is no lane.
    init?(_ value: RedisValue) {
        guard let parts = value.array, parts.count >= 8, let stage = parts[1].text, let token = parts[2].text else {
            return nil
        }
        lane = LaneID(stage: stage, partition: parts[0].text.flatMap(Int.init))
        self.token = token
        isSuspect = parts[3].text == "1"
        isPaused = parts[4].text == "1"
        isSurplus = parts[5].text == "1"
        attempts = parts[6].text.flatMap(Int.init) ?? 0
        isWaiting = parts[7].text == "1"
    }
}

/// The lanes of a worker after it took its share.
package struct LaneBalance {
    package let grants: [LaneGrant]
    /// When the next lease of a process that is gone ends, in milliseconds from now; nil when none does.
    package let nextLeaseEnd: Int64?

    init?(_ value: RedisValue) {
        guard let answer = value.array else { return nil }
        grants = answer.dropFirst().compactMap(LaneGrant.init)
        nextLeaseEnd = answer.count > 1 ? answer.last?.integer : nil
    }
}

extension FunctionCall where Answer == LaneBalance {
    /// Names the lanes of a worker, and takes free ones up to its share.
    ///
    /// - Parameters:
    ///   - stages: which the worker can serve; it is told about their lanes only.
    ///   - lease: how long a silent worker keeps a lane, in milliseconds.
    ///   - takesLanes: false to take none, only to hear which ones the worker has.
    package static func balance(
        _ layout: PipelineLayout, worker: String, stages: [String], lease: Int64, takesLanes: Bool
    ) -> Self {
        FunctionCall(
            "balance",
            [
                layout.name, worker, stages.joined(separator: ","), String(lease), takesLanes ? "1" : "0",
                layout.shape,
            ],
            parse: LaneBalance.init)
    }
}

/// Whether a claim of one lane succeeded.
package enum ClaimAnswer: Equatable {
    case granted(token: String)
    case taken(by: String)
}

extension FunctionCall where Answer == ClaimAnswer {
    /// Takes one lane, if it is free, for `lease` milliseconds.
    package static func claim(_ lane: LaneID, of layout: PipelineLayout, owner: String, lease: Int64) -> Self {
        FunctionCall(
            "claim", keys: [layout.lane(lane), layout.queue(lane)], [layout.name, owner, String(lease), layout.shape]
        ) { value in
            guard let parts = value.array, parts.count > 1, let word = parts[1].text else { return nil }
            return parts[0].text == "OK" ? .granted(token: word) : .taken(by: word)
        }
    }
}

/// What is known of the attempts of the event at a lane's head.
package enum AttemptAnswer: Equatable {
    /// The attempt is counted. Of the workers that had this event before, nothing was heard again of `losses`, and
    /// `deaths` were seen to die; the latter include the one that died over a whole batch.
    case counted(losses: Int, deaths: Int)
    /// Another worker has the lane, or it was taken from this one.
    case fenced
}

extension FunctionCall where Answer == AttemptAnswer {
    /// Counts an attempt of the head event, before it is made. A token counts one at most, so the call may be repeated.
    package static func beginAttempt(_ lane: LaneID, of layout: PipelineLayout, token: String) -> Self {
        attempt([token], lane, layout)
    }

    /// The attempt that this token counted has ended without a commit and without a crash: it counts no longer. Also
    /// for a token that is fenced, as long as the same event is at the head; ``AttemptAnswer/fenced`` is the answer then.
    package static func takeBackAttempt(_ lane: LaneID, of layout: PipelineLayout, token: String) -> Self {
        attempt([token, "1"], lane, layout)
    }

    private static func attempt(_ arguments: [String], _ lane: LaneID, _ layout: PipelineLayout) -> Self {
        FunctionCall("attempt", keys: [layout.lane(lane)], arguments) { value in
            guard let parts = value.array, parts.first?.text == "OK" else { return .fenced }
            guard parts.count > 3, let losses = parts[2].integer, let deaths = parts[3].integer else { return nil }
            return .counted(losses: Int(losses), deaths: Int(deaths))
        }
    }
}

/// How a process has ended, as far as the events matter that it had in hand.
package enum ProcessEnding: String {
    /// It was seen to die: the event that it tried alone may be the cause.
    case died
    /// It ended in order, or was made to end: no event is the cause.
    case left
    /// Nothing is heard of it any more.
    case unknown
}

extension FunctionCall where Answer == Void {
    /// Gives a lane back with nothing in hand. A token that is not the lane's does nothing.
    ///
    /// - Parameter isSuspect: the lane was taken over after a crash, and its head events were not all tried yet.
    package static func release(
        _ lane: LaneID, of layout: PipelineLayout, token: String, isSuspect: Bool = false
    ) -> Self {
        FunctionCall("release", keys: [layout.lane(lane)], [token, layout.name, isSuspect ? "1" : "0"]) { _ in }
    }

    /// Takes a process that has ended off the list, and ends the leases that it still has.
    package static func leave(pipeline: String, process: String, _ ending: ProcessEnding) -> Self {
        FunctionCall("leave", [pipeline, process, ending.rawValue]) { _ in }
    }

    /// The same call for a process of which nothing is heard, to be typed by an operator.
    package static func leaveWords(pipeline: String, process: String) -> [String] {
        ["FCALL", "tidings_leave", "0", pipeline, process]
    }
}
