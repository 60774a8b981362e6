import JSON
import Redis
import Store

/// Steps of operators.
extension World {
    func operate(_ step: Step) {
        switch step {
        case .approve(let number): move(number, .held, .approve)
        case .reject(let number): move(number, .held, .drop)
        case .retry(let number): move(number, .dead, .retry)
        case .drop(let number): move(number, .dead, .drop)
        case .pause(let stage): call(FunctionCall<Int>.pause(layout, stage: stage, isPaused: true))
        case .resume(let stage): call(FunctionCall<Int>.pause(layout, stage: stage, isPaused: false))
        case .purge(let stage): purge(stage)
        default: break
        }
    }

    /// Does what `tidings held` and `tidings dead` do with one event.
    private func move(_ number: Int, _ kind: SetAsideEvent.Kind, _ decision: SetAsideDecision) {
        let layout = layout
        for lane in formerLanes + layout.lanes {
            for raw in list(layout.setAside(kind, in: lane)) {
                guard let letter = (try? parser.parseObject(raw)).map({ SetAsideEvent($0) }),
                    self.number(of: letter.event) == number
                else { continue }
                let conversation = (try? parser.parseObject(letter.event)).flatMap(ConversationKey.conversation(of:))
                let goal = decision.goal(of: lane.stage, in: layout).map {
                    layout.lane(of: $0, conversation: conversation, from: lane)
                }
                // The operator names a stage that is gone no other way than by --to, which is not simulated.
                guard goal != nil || decision == .drop else { return }
                let moved = call(
                    FunctionCall<Int>.moveSetAside(kind, from: lane, to: goal, of: layout, [(raw, letter.event)]))
                if case .success(1) = moved {
                    observe(goal == nil ? .droppedByHand(number) : .movedByHand(number))
                }
                return
            }
        }
    }

    private func purge(_ stage: String) {
        let layout = layout
        for lane in layout.lanes where lane.stage == stage && lane.partition != nil {
            let waiting = list(layout.queue(lane)).compactMap(number)
            call(FunctionCall<Int>.purge(lane, of: layout))
            for number in waiting { observe(.droppedByHand(number)) }
        }
    }

    /// The lanes of former shapes that may have letters.
    private var formerLanes: [LaneID] {
        guard case .success(let value) = server.call("SMEMBERS", layout.former) else { return [] }
        return (value.array ?? []).compactMap { $0.text.flatMap(PipelineLayout.formerLane) }
            .filter { !layout.contains($0) }.sorted { "\($0)" < "\($1)" }
    }

    /// The elements of a list.
    func list(_ key: String) -> [[UInt8]] {
        guard case .success(let value) = server.call("LRANGE", key, "0", "-1") else { return [] }
        return (value.array ?? []).compactMap(\.bytes)
    }
}
