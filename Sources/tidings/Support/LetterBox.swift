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
    let client: RedisClient
    let layout: PipelineLayout
    private let parser = JSONParser(maxBytes: 512 << 20)

    init(kind: Kind, client: RedisClient, layout: PipelineLayout) {
        self.kind = kind
        self.client = client
        self.layout = layout
    }

    /// All letters, oldest first within each lane.
    ///
    /// - Parameter stage: nil: of every stage.
    func letters(stage: String?) throws -> [Letter] {
        var result: [Letter] = []
        for lane in layout.lanes where stage == nil || lane.stage == stage {
            for raw in try client.call("LRANGE", list(lane), "0", "-1").array ?? [] {
                guard let bytes = raw.bytes, let fields = try? parser.parseObject(bytes) else { continue }
                result.append(Letter(lane: lane, raw: bytes, fields: fields))
            }
        }
        return result
    }

    /// Takes letters out and puts their events into the queue of the stage that `target` names; nil only takes them out.
    func move(_ letters: [Letter], to target: (LaneID) -> LaneID?) throws -> Int {
        var moved = 0
        for (lane, group) in Dictionary(grouping: letters, by: \.lane) {
            let goal = target(lane)
            for start in stride(from: 0, to: group.count, by: 500) {
                var command = RedisCommand("FCALL", "tidings_letters", "3", list(lane))
                command.append(goal.map(layout.queue) ?? "")
                command.append(goal.map(layout.lane) ?? "")
                for letter in group[start..<min(start + 500, group.count)] {
                    command.append(letter.raw)
                    command.append(letter.event)
                }
                moved += Int(try client.call(command).integer ?? 0)
            }
        }
        return moved
    }

    private func list(_ lane: LaneID) -> String {
        kind == .dead ? layout.dead(lane) : layout.held(lane)
    }
}
