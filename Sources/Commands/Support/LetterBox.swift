import JSON
import Pipeline
import Redis

/// The dead letters or the held events of a pipeline, as an operator handles them.
struct LetterBox {
    enum Kind: String {
        case dead
        case held
    }

    /// One letter, and the list it lies in.
    struct Letter {
        let lane: LaneID
        /// As it stands in the list: names it exactly.
        let raw: [UInt8]
        let fields: JSONObject

        var id: String { fields["id"]?.string ?? "" }
        var error: String { fields["error"]?.string ?? "" }
        var time: Int64 { fields["time"]?.int ?? Int64(fields["time"]?.double ?? 0) }

        /// The event as it was.
        var event: [UInt8] {
            if let hex = fields["hex"]?.string { return Letter.bytes(hex: hex) }
            switch fields["event"] {
            case .object(let object): return object.bytes
            case .string(let text): return Array(text.utf8)
            case let other?: return other.bytes
            case nil: return []
            }
        }

        private static func bytes(hex: String) -> [UInt8] {
            let digits = Array(hex.utf8)
            return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
            }
        }
    }

    let kind: Kind
    let client: BlockingRedis
    let layout: PipelineLayout
    private let parser = JSONParser(maxBytes: 512 << 20)

    init(kind: Kind, client: BlockingRedis, layout: PipelineLayout) {
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

    /// Takes letters out and puts their events into the queue of the stage that `target` names; nil only takes them out.
    ///
    /// - Returns: how many were there still.
    func move(_ letters: [Letter], to target: (LaneID) throws -> LaneID?) throws -> Int {
        let groups = Dictionary(grouping: letters, by: \.lane)
        // Before anything is moved, should one have no target.
        let goals = try groups.mapValues { try target($0[0].lane) }
        return try groups.reduce(0) { try $0 + move($1.value, from: $1.key, to: goals[$1.key] ?? nil) }
    }

    /// The same for all letters that are there now; what becomes a letter meanwhile, these among them, is let be.
    func moveAll(stage: String?, to target: (LaneID) throws -> LaneID?) throws -> Int {
        let full = try lanes(of: stage).map { ($0, try count(in: $0)) }.filter { $0.1 > 0 }
        // Before anything is moved, should one have no target.
        let goals = try full.map { try target($0.0) }
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
            return Letter(lane: lane, raw: bytes, fields: fields)
        }
        return (letters, raws.count)
    }

    private func move(_ letters: [Letter], from lane: LaneID, to goal: LaneID?) throws -> Int {
        var moved = 0
        let events = letters.map(\.event)
        for part in LetterPage.parts(of: letters.indices.map { letters[$0].raw.count + events[$0].count }) {
            var command = RedisCommand("FCALL", "tidings_letters", "3", list(lane))
            command.append(goal.map(layout.queue) ?? "")
            command.append(goal.map(layout.lane) ?? "")
            for index in part {
                command.append(letters[index].raw)
                command.append(events[index])
            }
            moved += Int(try client.call(command).integer ?? 0)
        }
        return moved
    }

    private func list(_ lane: LaneID) -> String {
        kind == .dead ? layout.dead(lane) : layout.held(lane)
    }
}
