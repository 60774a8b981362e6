import Console
import JSON
import Pipeline
import Redis
import Store

/// The dead letters or the held events of a pipeline, as an operator handles them: those of its lanes, and before them
/// those of lanes that a former shape of it had.
struct SetAsideList {
    /// One event, with the list that it stands in.
    struct Entry {
        let lane: LaneID
        /// The bytes in the list, which identify the entry.
        let raw: [UInt8]
        let fields: JSONObject
        let content: SetAsideEvent

        var id: String { content.id }
        var error: String { content.reason }
    }

    let kind: SetAsideEvent.Kind
    let client: BlockingRedis
    let layout: PipelineLayout
    /// Lanes that the pipeline does not have any more, and that may still have letters.
    private let former: [LaneID]
    private let parser = JSONParser(maxBytes: 512 << 20)

    init(kind: SetAsideEvent.Kind, client: BlockingRedis, layout: PipelineLayout) throws {
        self.kind = kind
        self.client = client
        self.layout = layout
        let names = try client.call("SMEMBERS", layout.former).array ?? []
        former = names.compactMap { $0.text.flatMap(PipelineLayout.formerLane) }.filter { !layout.contains($0) }
            .sorted { ($0.partition ?? 0, $0.stage) < ($1.partition ?? 0, $1.stage) }
    }

    /// Whether the pipeline has a stage of that name, or has letters of one that it had.
    func knows(stage: String) -> Bool {
        stage == LaneID.incoming || layout.stages.contains(stage) || former.contains { $0.stage == stage }
    }

    /// Passes on all entries, oldest first within each lane, in pages: there may be more than memory holds.
    ///
    /// - Parameter stage: nil: every stage.
    func read(stage: String?, _ body: ([Entry]) throws -> Void) throws {
        for lane in lanes(of: stage) {
            var page = SetAsidePage()
            var start = 0
            while true {
                let (entries, count) = try read(lane, from: start, page.count, &page)
                if count == 0 { break }
                try body(entries)
                start += count
            }
        }
    }

    /// The entries with these ids, in the order of ``read(stage:_:)``.
    func entries(_ ids: Set<String>, stage: String?) throws -> [Entry] {
        var found: [Entry] = []
        try read(stage: stage) { entries in found += entries.filter { ids.contains($0.id) } }
        return found
    }

    /// Takes entries out of their lists and does with their events what the operator decided.
    ///
    /// - Parameter target: the stage whose queue the events go to; nil: the one that the decision means.
    /// - Returns: how many were still in the list.
    /// - Throws: before anything is moved, when there is no stage that an event could go to.
    func move(_ entries: [Entry], _ decision: SetAsideDecision, to target: String?) throws -> Int {
        let goals = try entries.map { try goal(of: $0.lane, decision, target) }
        var moved = 0
        for lane in lanes(of: nil) {
            let own = zip(entries, goals).filter { $0.0.lane == lane }
            guard let goal = own.first?.1 else { continue }
            moved += try move(own.map(\.0), from: lane, to: goal)
        }
        return moved
    }

    /// The same for all entries that are there now. Entries that are added meanwhile, these events among them, stay.
    func moveAll(stage: String?, _ decision: SetAsideDecision, to target: String?) throws -> Int {
        let full = try lanes(of: stage).map { ($0, try count(in: $0)) }.filter { $0.1 > 0 }
        let goals = try full.map { try goal(of: $0.0, decision, target) }
        var moved = 0
        for ((lane, count), goal) in zip(full, goals) {
            moved += try move(first: count, from: lane, to: goal)
        }
        return moved
    }

    private func move(first count: Int, from lane: LaneID, to goal: Goal) throws -> Int {
        var moved = 0
        var left = count
        var page = SetAsidePage()
        // What cannot be parsed stays at the head of the list.
        var start = 0
        while left > 0 {
            let (entries, count) = try read(lane, from: start, min(left, page.count), &page)
            if count == 0 { break }
            moved += try move(entries, from: lane, to: goal)
            start += count - entries.count
            left -= count
        }
        return moved
    }

    /// Where the events of a lane go.
    private enum Goal {
        case nowhere
        case stage(String)
    }

    private func goal(of lane: LaneID, _ decision: SetAsideDecision, _ target: String?) throws -> Goal {
        if decision == .drop { return .nowhere }
        if let stage = target ?? decision.goal(of: lane.stage, in: layout) { return .stage(stage) }
        let what = decision == .retry ? "put back" : "sent on"
        guard lane.isIncoming || layout.stages.contains(lane.stage) else {
            throw CommandError(
                "the pipeline has no stage '\(lane.stage)' any more, nothing was \(what); name the stage that takes its "
                    + "events with --to: \(layout.stages.joined(separator: ", "))")
        }
        throw CommandError(
            "no stage follows \(lane.stage), nothing was \(what); see 'tidings held list --stage "
                + "\(lane.stage)', reject the events or put a stage behind it in tidings.yaml")
    }

    private func count(in lane: LaneID) throws -> Int {
        Int(try client.call("LLEN", list(lane)).integer ?? 0)
    }

    private func lanes(of stage: String?) -> [LaneID] {
        (former + layout.lanes).filter { stage == nil || $0.stage == stage }
    }

    /// Some entries of a lane, and how many elements of its list were read.
    private func read(
        _ lane: LaneID, from start: Int, _ most: Int, _ page: inout SetAsidePage
    ) throws -> ([Entry], count: Int) {
        let raws = try client.call("LRANGE", list(lane), String(start), String(start + most - 1)).array ?? []
        page.read(raws.count, bytes: raws.reduce(0) { $0 + ($1.bytes?.count ?? 0) })
        let entries = raws.compactMap { raw -> Entry? in
            guard let bytes = raw.bytes, let fields = try? parser.parseObject(bytes) else { return nil }
            return Entry(lane: lane, raw: bytes, fields: fields, content: SetAsideEvent(fields))
        }
        return (entries, raws.count)
    }

    /// Moves entries of a lane, each to the partition that its conversation has now.
    private func move(_ entries: [Entry], from lane: LaneID, to goal: Goal) throws -> Int {
        let groups = Dictionary(grouping: entries) { entry -> LaneID? in
            guard case .stage(let stage) = goal else { return nil }
            let fields = try? parser.parseObject(entry.content.event)
            return layout.lane(
                of: stage, conversation: fields.flatMap(ConversationKey.conversation(of:)), from: lane)
        }
        var moved = 0
        for (target, entries) in groups {
            for part in SetAsidePage.parts(of: entries.map { $0.raw.count + $0.content.event.count }) {
                moved += try client.call(
                    .moveSetAside(
                        kind, from: lane, to: target, of: layout, entries[part].map { ($0.raw, $0.content.event) }))
            }
        }
        return moved
    }

    private func list(_ lane: LaneID) -> String {
        layout.setAside(kind, in: lane)
    }
}

/// How many entries are read from Redis, or moved, at a time: fewer when they are large. Pure.
struct SetAsidePage {
    /// No page has more entries.
    static let most = 200
    /// A page exceeds so many bytes by one entry at most.
    static let bytes = 4 << 20

    /// How many to read next. The size of the first ones is unknown.
    private(set) var count = 20

    /// Sets the next page by the size of the last one.
    mutating func read(_ entries: Int, bytes: Int) {
        guard entries > 0 else { return }
        count = min(SetAsidePage.most, max(1, SetAsidePage.bytes / max(1, bytes / entries)))
    }

    /// Splits entries of these sizes so that no part exceeds a page; a larger entry is a part of its own.
    static func parts(of sizes: [Int]) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var (start, sum) = (0, 0)
        for (index, size) in sizes.enumerated() {
            if index > start, index - start == most || sum + size > bytes {
                parts.append(start..<index)
                (start, sum) = (index, 0)
            }
            sum += size
        }
        if start < sizes.count { parts.append(start..<sizes.count) }
        return parts
    }
}
