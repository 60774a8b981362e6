import Comments
import Events
import JSON
import Pipeline
import TestSupport

/// The stages of the simulated pipeline: the real ones where they are pure, and `work`, which does what its events say.
enum SimulatedStages {
    /// The usual list, or the one with a stage more.
    static func names(_ list: Int64) -> [String] {
        list == 0 ? ["validate", "work", "publish"] : ["validate", "work", "extra", "publish"]
    }

    /// The list with these names, separated by commas.
    static func number(of stages: String) -> Int64 {
        stages == names(0).joined(separator: ",") ? 0 : 1
    }

    static func factories(for process: SimulatedProcess, in world: World) -> [String: StageFactory] {
        [
            "validate": { ValidateStage() },
            "work": { [unowned process, unowned world] in try WorkStage(of: process, in: world) },
            "extra": { PassStage() },
            "publish": { PublishStage() },
        ]
    }
}

/// Does with each event what its member `b` says, then finds its channels as `route` does.
private final class WorkStage: Stage {
    private unowned let process: SimulatedProcess
    private unowned let world: World
    private let route: RouteStage
    private var timer: Timer?

    init(of process: SimulatedProcess, in world: World) throws {
        self.process = process
        self.world = world
        route = try RouteStage(RouteOptions(channels: ["thread:{thread}", "forum:{forum}"]))
    }

    /// Takes as long as the slowest event says; a poisoned one ends the process.
    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        guard !process.hasEnded else { return }
        let behaviours = batch.map(WorkStage.behaviour)
        world.observe(.began(process.name, stage: context.stage, batch.compactMap(WorkStage.number)))
        if behaviours.contains(.poison) {
            world.observe(.died(process.name))
            return process.end()
        }
        let pause = behaviours.reduce(Int64(0)) { if case .slow(let time) = $1 { max($0, time) } else { $0 } }
        guard pause > 0 else { return ready(nil) }
        timer = Timer(on: context.loop) { ready(nil) }
        timer?.schedule(after: pause)
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        switch WorkStage.behaviour(event) {
        case .plain, .slow, .poison: break
        case .hold:
            var event = event
            // Where it goes on when it is approved, its channels are known.
            if case .forward(let events) = try route.process(event, context: context), let routed = events.first {
                event = routed
            }
            return .hold(event, reason: "asks for it")
        case .fail: throw StageError("fails each time")
        case .stumble:
            if world.stumbles(over: WorkStage.number(event) ?? 0) { throw StageError("fails at first") }
        case .drop: return .drop(reason: "asks for it")
        }
        return try route.process(event, context: context)
    }

    private static func behaviour(_ event: Event) -> SimulatedEvent.Behaviour {
        SimulatedEvent.Behaviour((event.fields["b"] ?? event.fields["parent"])?.string ?? "")
    }

    private static func number(_ event: Event) -> Int? {
        SimulatedEvent.number(of: event.fields)
    }
}

extension SimulatedEvent {
    /// The event as it is sent in. Its number is the member `n`, and `b` is what happens to it; in a deletion, which keeps
    /// only the members that name something, `event_id` and `parent`.
    var bytes: [UInt8] {
        let isDeletion = kind == .deleted
        var text =
            #"{"thread":"t\#(thread)","forum":"f\#(forum)","id":"c\#(comment)","type":"comment.\#(kind.rawValue)""#
        text += isDeletion ? #","event_id":\#(number)"# : #","n":\#(number),"text":"text \#(number)""#
        if behaviour != .plain { text += #","\#(isDeletion ? "parent" : "b")":"\#(behaviour.word)""# }
        return Array((text + "}").utf8)
    }

    /// The number of an event that was sent in.
    static func number(of fields: JSONObject) -> Int? {
        (fields["n"] ?? fields["event_id"])?.int.map { Int($0) }
    }

    /// Its conversation.
    var conversation: String { "t\(thread)" }
}

extension SimulatedEvent.Behaviour {
    fileprivate var word: String {
        switch self {
        case .plain: ""
        case .slow(let time): "slow=\(time)"
        case .hold: "hold"
        case .fail: "fail"
        case .stumble: "stumble"
        case .poison: "poison"
        case .drop: "drop"
        }
    }

    fileprivate init(_ word: String) {
        switch word {
        case "hold": self = .hold
        case "fail": self = .fail
        case "stumble": self = .stumble
        case "poison": self = .poison
        case "drop": self = .drop
        default: self = word.hasPrefix("slow=") ? .slow(Int64(word.dropFirst(5)) ?? 0) : .plain
        }
    }
}
