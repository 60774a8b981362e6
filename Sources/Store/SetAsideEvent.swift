package import JSON
import Redis

/// An event that was set aside, with what a person needs to decide about it: a dead letter or a held event.
///
/// It stands in a list of its lane as a JSON object:
///
///     {"id":"LANE-TOKEN-SERIAL-INDEX","stage":"NAME","error":"why, in a sentence","attempts":1,
///      "time":MILLISECONDS,"event":{…}}
///
/// `event` is the event's object. An event that is no JSON object, and one that `commit.lua` sets aside since its feed
/// cannot be written, stands there as text, and as hexadecimal digits in `hex` too when it is no UTF-8.
package struct SetAsideEvent: Equatable {
    package enum Kind: String, Sendable {
        /// Its stage could not process it.
        case dead
        /// It waits for a person's decision.
        case held
    }

    /// Names it on the command line: lane, token, serial of the commit, place in the batch.
    package let id: String
    package let stage: String
    /// Why it was set aside, in a sentence.
    package let reason: String
    package let attempts: Int
    /// Milliseconds since 1970.
    package let time: Int64
    /// The event as it was.
    package let event: [UInt8]

    package init(id: String, stage: String, reason: String, attempts: Int, time: Int64, event: [UInt8]) {
        self.id = id
        self.stage = stage
        self.reason = reason
        self.attempts = attempts
        self.time = time
        self.event = event
    }

    /// Reads one. What is missing or of another type is empty or 0: people edit lists by hand.
    package init(_ fields: JSONObject) {
        id = fields["id"]?.string ?? ""
        stage = fields["stage"]?.string ?? ""
        reason = fields["error"]?.string ?? ""
        attempts = Int(fields["attempts"]?.int ?? 0)
        time = fields["time"]?.int ?? Int64(fields["time"]?.double ?? 0)
        if let hex = fields["hex"]?.string {
            event = SetAsideEvent.bytes(hex: hex)
        } else {
            switch fields["event"] {
            case .object(let object): event = object.bytes
            case .string(let text): event = Array(text.utf8)
            case let other?: event = other.bytes
            case nil: event = []
            }
        }
    }

    /// The bytes that stand in the list.
    package func encoded(with parser: JSONParser) -> [UInt8] {
        var object = JSONObject()
        object["id"] = .string(id)
        object["stage"] = .string(stage)
        object["error"] = .string(reason)
        object["attempts"] = .int(Int64(attempts))
        object["time"] = .int(time)
        if let fields = try? parser.parseObject(event) {
            object["event"] = .object(fields)
        } else {
            object["event"] = .string(String(decoding: event, as: UTF8.self))
            if String(validating: event, as: UTF8.self) == nil { object["hex"] = .string(SetAsideEvent.hex(event)) }
        }
        return object.bytes
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }
}

/// What an operator decides about events that were set aside.
package enum SetAsideDecision: Sendable {
    /// Put the event back into the queue of the stage that has set it aside.
    case retry
    /// Put the event into the queue of the next stage.
    case approve
    /// Delete the event.
    case drop

    /// The stage whose queue an event goes to that this one has set aside. Nil when it goes to none: it is dropped, no
    /// stage follows, or the pipeline does not have this stage any more.
    package func goal(of stage: String, in layout: PipelineLayout) -> String? {
        guard stage == LaneID.incoming || layout.stages.contains(stage) else { return nil }
        return switch self {
        case .retry: stage
        case .approve: layout.stage(after: stage)
        case .drop: nil
        }
    }
}

extension FunctionCall where Answer == Int {
    /// Takes set-aside events out of their lane's list and puts their events into the queue of `goal`, in one step.
    /// Gives the number of those that were still in the list.
    ///
    /// - Parameters:
    ///   - letters: each as it stands in the list, and its event.
    ///   - goal: nil: the events are deleted.
    package static func moveSetAside(
        _ kind: SetAsideEvent.Kind, from lane: LaneID, to goal: LaneID?, of layout: PipelineLayout,
        _ letters: [(raw: [UInt8], event: [UInt8])]
    ) -> Self {
        var call = FunctionCall(
            "letters",
            keys: [layout.setAside(kind, in: lane), goal.map(layout.queue) ?? "", goal.map(layout.lane) ?? ""]
        ) { $0.integer.map { Int($0) } }
        for letter in letters {
            call.command.append(letter.raw)
            call.command.append(letter.event)
        }
        call.command.append(layout.shape)
        return call
    }
}
