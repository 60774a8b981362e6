import Console
import JSON
import Pipeline
import Redis
import Store

/// The dead letters or the held events of a pipeline, as an operator handles them.
struct LetterBox {
    /// One letter, and the list it lies in.
    struct Letter {
        let lane: LaneID
        /// As it stands in the list: names it exactly.
        let raw: [UInt8]
        let fields: JSONObject
        let content: SetAsideEvent

        var id: String { content.id }
        var error: String { content.reason }
    }

    let kind: SetAsideEvent.Kind
    let client: BlockingRedis
    let layout: PipelineLayout
    private let parser = JSONParser(maxBytes: 512 << 20)

    init(kind: SetAsideEvent.Kind, client: BlockingRedis, layout: PipelineLayout) {
        self.kind = kind
        self.client = client
        self.layout = layout
    }

    /// Hands on all letters, oldest first within each lane, some at a time: there may be more than memory holds.
    ///
    /// - Parameter stage: nil: of every stage.
    func read(stage: String?, _ body: ([Letter]) throws -> Void) throws {
        for lane in lanes(of: stage) {
            var page = LetterPage()
            var start = 0
            while true {
                let (letters, count) = try read(lane, from: start, page.count, &page)
                if count == 0 { break }
                try body(letters)
                start += count
            }
        }
    }

    /// The letters with these ids, in the order of ``read(stage:_:)``.
    func letters(_ ids: Set<String>, stage: String?) throws -> [Letter] {
        var found: [Letter] = []
        try read(stage: stage) { letters in found += letters.filter { ids.contains($0.id) } }
        return found
    }

    /// Takes letters out of their lists and does with their events what an operator decided.
    ///
    /// - Returns: how many were still there.
    /// - Throws: before anything is moved when no stage follows one of theirs, to approve an event to.
    func move(_ letters: [Letter], _ decision: SetAsideDecision) throws -> Int {
        let groups = Dictionary(grouping: letters, by: \.lane)
        let goals = try groups.mapValues { try goal(of: $0[0].lane, decision) }
        return try groups.reduce(0) { try $0 + move($1.value, from: $1.key, to: goals[$1.key] ?? nil) }
    }

    /// The same for all letters that are there now; what becomes a letter meanwhile, these among them, is let be.
    func moveAll(stage: String?, _ decision: SetAsideDecision) throws -> Int {
        let full = try lanes(of: stage).map { ($0, try count(in: $0)) }.filter { $0.1 > 0 }
        let goals = try full.map { try goal(of: $0.0, decision) }
        var moved = 0
        for ((lane, count), goal) in zip(full, goals) {
            moved += try move(first: count, from: lane, to: goal)
        }
        return moved
    }

    private func move(first count: Int, from lane: LaneID, to goal: LaneID?) throws -> Int {
        var moved = 0
        var left = count
        var page = LetterPage()
        // What is no letter stays where it is, at the head.
        var start = 0
        while left > 0 {
            let (letters, count) = try read(lane, from: start, min(left, page.count), &page)
            if count == 0 { break }
            moved += try move(letters, from: lane, to: goal)
            start += count - letters.count
            left -= count
        }
        return moved
    }

    private func goal(of lane: LaneID, _ decision: SetAsideDecision) throws -> LaneID? {
        let goal = decision.goal(of: lane, in: layout)
        if decision == .approve, goal == nil {
            throw CommandError(
                "no stage follows \(lane.stage), nothing was sent on; see 'tidings held list --stage "
                    + "\(lane.stage)', reject what is there or put a stage behind it in tidings.yaml")
        }
        return goal
    }

    private func count(in lane: LaneID) throws -> Int {
        Int(try client.call("LLEN", list(lane)).integer ?? 0)
    }

    private func lanes(of stage: String?) -> [LaneID] {
        layout.lanes.filter { stage == nil || $0.stage == stage }
    }

    /// Some letters of a lane, and how many places of its list they were read from.
    private func read(
        _ lane: LaneID, from start: Int, _ most: Int, _ page: inout LetterPage
    ) throws -> ([Letter], count: Int) {
        let raws = try client.call("LRANGE", list(lane), String(start), String(start + most - 1)).array ?? []
        page.read(raws.count, bytes: raws.reduce(0) { $0 + ($1.bytes?.count ?? 0) })
        let letters = raws.compactMap { raw -> Letter? in
            guard let bytes = raw.bytes, let fields = try? parser.parseObject(bytes) else { return nil }
            return Letter(lane: lane, raw: bytes, fields: fields, content: SetAsideEvent(fields))
        }
        return (letters, raws.count)
    }

    private func move(_ letters: [Letter], from lane: LaneID, to goal: LaneID?) throws -> Int {
        var moved = 0
        for part in LetterPage.parts(of: letters.map { $0.raw.count + $0.content.event.count }) {
            moved += try client.call(
                .moveSetAside(
                    kind, from: lane, to: goal, of: layout, letters[part].map { ($0.raw, $0.content.event) }))
        }
        return moved
    }

    private func list(_ lane: LaneID) -> String {
        layout.setAside(kind, in: lane)
    }
}
