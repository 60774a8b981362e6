import Store
import TestSupport
import Testing

@testable import Edge

@Suite("A channel's state")
struct ChannelMachineTests {
    private typealias Load = ChannelMachine.Actions.Load

    private static func announced(_ sequence: Int64) -> ChannelMachine.Input {
        .announced(sequence: sequence, event: Array("\(sequence)".utf8))
    }

    /// A live machine with events 1 to 5.
    private static func live() -> ChannelMachine {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        _ = machine.handle(.loaded(generation: 1, .sample(1...5)))
        return machine
    }

    private static func events(_ machine: ChannelMachine, after sequence: Int64 = 0) -> String {
        String(decoding: machine.ring.batch(after: sequence).body, as: UTF8.self)
    }

    @Test("the history is loaded after the subscription is confirmed, not before")
    func order() {
        var machine = ChannelMachine(limits: EdgeLimits())
        #expect(machine.handle(Self.announced(1)) == ChannelMachine.Actions())
        #expect(machine.handle(.confirmed).load == Load(generation: 1, after: 0))
        #expect(!machine.isLive)
        #expect(machine.handle(.loaded(generation: 1, .sample(1...5))) == ChannelMachine.Actions(deliver: true))
        #expect(machine.isLive && Self.events(machine) == "[1,2,3,4,5]")
    }

    @Test("events announced between the confirmation and the history are neither lost nor duplicated")
    func between() {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        for sequence in Int64(4)...7 { #expect(machine.handle(Self.announced(sequence)) == ChannelMachine.Actions()) }
        #expect(machine.handle(.loaded(generation: 1, .sample(1...5))).load == nil)
        #expect(machine.isLive && Self.events(machine) == "[1,2,3,4,5,6,7]")
    }

    @Test("a repeated announcement changes nothing")
    func repeated() {
        var machine = Self.live()
        #expect(machine.handle(Self.announced(6)) == ChannelMachine.Actions(deliver: true))
        #expect(machine.handle(Self.announced(6)) == ChannelMachine.Actions())
        #expect(machine.handle(Self.announced(3)) == ChannelMachine.Actions())
        #expect(Self.events(machine, after: 4) == "[5,6]")
    }

    @Test("after the server was initialized again, everything is loaded again")
    func renewed() {
        var machine = ChannelMachine(limits: EdgeLimits())
        #expect(machine.handle(.renewed) == ChannelMachine.Actions(), "no subscription: its confirmation loads")
        _ = machine.handle(.confirmed)
        #expect(machine.handle(.renewed).load == Load(generation: 2, after: 0))
        #expect(machine.handle(.loaded(generation: 1, .sample(1...5))) == ChannelMachine.Actions())
        _ = machine.handle(.loaded(generation: 2, .sample(1...5)))
        #expect(machine.handle(.renewed).load == Load(generation: 3, after: 5))
        _ = machine.handle(.failed(generation: 3))
        #expect(machine.handle(.renewed).load == Load(generation: 4, after: 5), "not only after the pause")
        // The feed contradicts the ring, so everything is loaded.
        #expect(machine.handle(.loaded(generation: 4, .sample(6...6, epoch: 2))).load == Load(generation: 5, after: 0))
        #expect(machine.handle(.loaded(generation: 5, .sample(1...6, epoch: 2))).reset)
    }

    /// What a channel says that has had so many events and keeps none.
    private static func nothing(_ last: Int64, born: Int64 = 1000) -> ChannelHistory {
        ChannelHistory(epoch: 1, born: born, last: last, floor: last, items: [], isComplete: true)
    }

    @Test("of a channel that keeps nothing, what was announced while it was read is not lost")
    func keepsNothing() {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        for sequence in Int64(6)...8 { _ = machine.handle(Self.announced(sequence)) }
        let actions = machine.handle(.loaded(generation: 1, Self.nothing(7)))
        #expect(actions.load == nil && machine.isLive && Self.events(machine) == "[6,7,8]")
        _ = machine.handle(.unseen)
        for sequence in Int64(9)...10 { _ = machine.handle(Self.announced(sequence)) }
        #expect(machine.handle(.loaded(generation: 2, Self.nothing(10))).load == nil)
        #expect(Self.events(machine, after: 5) == "[6,7,8,9,10]")
        guard case .found(let position, hasNews: false) = machine.ring.find(.beginning) else {
            Issue.record("a reader from the beginning begins behind what is kept nowhere")
            return
        }
        #expect(position.sequence >= 7)
    }

    @Test(
        "announcements that do not reach the floor without a gap make nothing good",
        arguments: [[5, 7], [5], [9], [7, 6], [1, 2]] as [[Int64]])
    func keepsNothingButGaps(_ early: [Int64]) {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        _ = machine.handle(.loaded(generation: 1, Self.nothing(4)))
        _ = machine.handle(.unseen)
        for sequence in early { _ = machine.handle(Self.announced(sequence)) }
        _ = machine.handle(.loaded(generation: 2, Self.nothing(7)))
        guard case .lost = machine.ring.find(.position(Position(epoch: 1, born: 1000, sequence: 4))) else {
            Issue.record("\(early)")
            return
        }
    }

    @Test("the first event of a channel that keeps nothing reaches the readers who waited for it")
    func keepsNothingFirst() {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        let time: Int64 = 1_700_000_000_000
        _ = machine.handle(
            .loaded(
                generation: 1,
                ChannelHistory(epoch: 1, born: 0, last: 0, floor: 0, items: [], time: time, isComplete: true)))
        #expect(machine.handle(Self.announced(1)).load == Load(generation: 2, after: 0))
        _ = machine.handle(Self.announced(2))
        #expect(machine.handle(.loaded(generation: 2, Self.nothing(2, born: time + 5))).resubscribe)
        #expect(machine.handle(.confirmed).load == Load(generation: 3, after: 2))
        _ = machine.handle(.loaded(generation: 3, Self.nothing(2, born: time + 5)))
        #expect(machine.isLive && Self.events(machine) == "[1,2]")
        let unborn = Offset.position(Position(epoch: 1, born: 0, sequence: time))
        guard case .found(_, hasNews: true) = machine.ring.find(unborn) else {
            Issue.record("\(machine.ring.find(unborn))")
            return
        }
    }

    @Test("a gap is filled from the feed")
    func gap() {
        var machine = Self.live()
        #expect(machine.handle(Self.announced(8)).load == Load(generation: 2, after: 5))
        #expect(machine.handle(Self.announced(9)) == ChannelMachine.Actions())
        let actions = machine.handle(.loaded(generation: 2, .sample(6...8)))
        #expect(actions == ChannelMachine.Actions(deliver: true))
        #expect(Self.events(machine, after: 4) == "[5,6,7,8,9]")
    }

    @Test("announcements out of order are reordered")
    func reordered() {
        var machine = Self.live()
        #expect(machine.handle(Self.announced(7)).load != nil)
        _ = machine.handle(Self.announced(6))
        _ = machine.handle(.loaded(generation: 2, .sample(6...7)))
        #expect(machine.isLive && Self.events(machine, after: 5) == "[6,7]")
    }

    @Test("a reconnect loads what was published meanwhile")
    func reconnect() {
        var machine = Self.live()
        #expect(machine.handle(.lost) == ChannelMachine.Actions())
        #expect(!machine.isLive)
        #expect(machine.handle(.confirmed).load == Load(generation: 2, after: 5))
        _ = machine.handle(.loaded(generation: 2, .sample(6...6)))
        #expect(Self.events(machine, after: 5) == "[6]")
    }

    @Test("a history requested before the last confirmation is ignored")
    func stale() {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        _ = machine.handle(.lost)
        #expect(machine.handle(.loaded(generation: 1, .sample(1...5))) == ChannelMachine.Actions())
        _ = machine.handle(.confirmed)
        #expect(machine.handle(.loaded(generation: 1, .sample(1...5))) == ChannelMachine.Actions())
        #expect(!machine.isLive)
        _ = machine.handle(.loaded(generation: 2, .sample(1...6)))
        #expect(machine.isLive && machine.ring.last == 6)
    }

    @Test("a new epoch is loaded completely, and every reader is looked up again")
    func epoch() {
        var machine = Self.live()
        _ = machine.handle(.lost)
        _ = machine.handle(.confirmed)
        var history = ChannelHistory.sample(6...7)
        history.epoch = 2
        #expect(machine.handle(.loaded(generation: 2, history)).load == Load(generation: 3, after: 0))
        let actions = machine.handle(.loaded(generation: 3, .sample(1...7, epoch: 2)))
        #expect(actions.reset && actions.deliver)
        #expect(machine.ring.find(.position(Position(epoch: 1, born: 1000, sequence: 5))) == .lost)
    }

    @Test("a server that has lost events without a new epoch is noticed")
    func shortened() {
        var machine = Self.live()
        _ = machine.handle(.lost)
        _ = machine.handle(.confirmed)
        #expect(machine.handle(.loaded(generation: 2, .sample(1...4))).load == Load(generation: 3, after: 0))
        #expect(machine.handle(.loaded(generation: 3, .sample(1...4))).reset)
        #expect(machine.ring.last == 4)
    }

    @Test("a feed that was deleted and created again is noticed by its first announcement")
    func reborn() {
        var machine = Self.live()
        #expect(machine.handle(.announced(sequence: 1, event: Array("new".utf8))).load == Load(generation: 2, after: 0))
        #expect(
            machine.handle(.loaded(generation: 2, .sample(1...1, born: 2000)))
                == ChannelMachine.Actions(reset: true, resubscribe: true))
        #expect(
            machine.ring.find(.position(Position(epoch: 1, born: 1000, sequence: 1))) == .unseen, "the next load judges"
        )
    }

    @Test("a position that the ring has not seen makes the channel load, once")
    func unseen() {
        var machine = Self.live()
        let judgedBy = machine.nextLoad
        #expect(machine.lastLoad < judgedBy)
        #expect(machine.handle(.unseen).load == Load(generation: judgedBy, after: 5))
        #expect(machine.handle(.unseen) == ChannelMachine.Actions(), "one at a time")
        #expect(machine.nextLoad > judgedBy, "who comes now needs a later one")
        _ = machine.handle(.failed(generation: judgedBy))
        #expect(machine.lastLoad < judgedBy)
        _ = machine.handle(.retry)
        _ = machine.handle(.loaded(generation: judgedBy + 1, .sample(6...6)))
        #expect(machine.isLive && machine.lastLoad >= judgedBy && machine.ring.last == 6)
    }

    @Test("an announcement of a deleted feed is not mistaken for one of its successor")
    func former() {
        var machine = Self.live()
        _ = machine.handle(.announced(sequence: 1, event: Array("new".utf8)))
        _ = machine.handle(.loaded(generation: 2, .sample(1...5, born: 2000)))
        // Its number would fit, but it is ignored like everything before the confirmation.
        #expect(machine.handle(.announced(sequence: 6, event: Array("old".utf8))) == ChannelMachine.Actions())
        #expect(!machine.isLive)
        #expect(machine.handle(.confirmed).load == Load(generation: 3, after: 5))
        _ = machine.handle(.loaded(generation: 3, .sample(6...6, born: 2000)))
        #expect(machine.isLive && Self.events(machine) == "[1,2,3,4,5,6]")
    }

    @Test("an event that contradicts the feed is detected, and every reader is looked up again")
    func contradiction() {
        var machine = Self.live()
        _ = machine.handle(.announced(sequence: 6, event: Array("other".utf8)))
        #expect(machine.handle(Self.announced(6)).load == Load(generation: 2, after: 0), "the whole")
        let actions = machine.handle(.loaded(generation: 2, .sample(1...6)))
        #expect(actions == ChannelMachine.Actions(reset: true, resubscribe: true))
        _ = machine.handle(.confirmed)
        _ = machine.handle(.loaded(generation: 3, .sample(7...7)))
        #expect(Self.events(machine, after: 4) == "[5,6,7]")
    }

    @Test("the first event of a new feed makes the edge load its birth")
    func firstEvent() {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        let time: Int64 = 1_700_000_000_000
        _ = machine.handle(.loaded(generation: 1, .unborn(time: time)))
        #expect(machine.isLive)
        #expect(machine.handle(Self.announced(1)).load == Load(generation: 2, after: 0))
        _ = machine.handle(.loaded(generation: 2, .sample(1...1, born: time)))
        let before = Offset.position(Position(epoch: 1, born: 0, sequence: time))
        #expect(
            machine.ring.find(before) == .found(Position(epoch: 1, born: time, sequence: 0), hasNews: true))
    }

    @Test("a failed load is tried again after a pause")
    func failure() {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        #expect(machine.handle(.failed(generation: 1)) == ChannelMachine.Actions(retryLater: true))
        #expect(machine.handle(.retry).load == Load(generation: 2, after: 0))
        #expect(machine.handle(.retry) == ChannelMachine.Actions(), "only once")
        _ = machine.handle(.loaded(generation: 2, .sample(1...2)))
        #expect(machine.isLive)
    }

    @Test("more announcements than can be kept during a load cause another load")
    func overflow() {
        var limits = EdgeLimits()
        limits.ringEvents = 4
        var machine = ChannelMachine(limits: limits)
        _ = machine.handle(.confirmed)
        for sequence in Int64(1)...6 { _ = machine.handle(Self.announced(sequence)) }
        let actions = machine.handle(.loaded(generation: 1, .sample(1...2)))
        #expect(actions.load == Load(generation: 2, after: 2))
        _ = machine.handle(.loaded(generation: 2, .sample(3...6)))
        #expect(machine.isLive && machine.ring.last == 6)
    }

    @Test("whatever is lost, late or repeated, no reader misses an event without a reset", arguments: 0..<60)
    func simulation(_ round: Int) {
        var world = FeedWorld(random: SplitMix64(seed: SplitMix64().seed &+ UInt64(round)))
        world.run(steps: 1500)
        #expect(world.faults == [], "seed \(world.random.seed)")
    }
}
