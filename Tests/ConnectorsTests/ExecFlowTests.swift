import Testing

@testable import Connectors

@Suite("the flow of events to an exec program")
struct ExecFlowTests {
    /// Each event is a line of ten bytes.
    private static let line = [UInt8](repeating: 120, count: 10)

    private func flow(inFlight: Int = 512, bytes: Int = 1 << 20) -> ExecFlow {
        var options = ExecOptions(command: ["x"])
        options.timeout = 100
        options.startTimeout = 1000
        options.inFlight = inFlight
        options.inFlightBytes = bytes
        var flow = ExecFlow(options)
        flow.began(at: 0)
        return flow
    }

    /// Gives as many events as possible. Returns their number.
    private func give(_ flow: inout ExecFlow, at now: Int64 = 0) -> Int {
        var count = 0
        while flow.next(at: now) != nil { count += 1 }
        return count
    }

    private func ask(_ flow: inout ExecFlow, _ batch: Int, _ count: Int, headIsSuspect: Bool = false) {
        flow.ask(batch, lines: Array(repeating: Self.line, count: count), headIsSuspect: headIsSuspect)
    }

    @Test("answers belong to the events in the order in which they were given, over batches")
    func order() {
        var flow = flow()
        ask(&flow, 1, 2)
        ask(&flow, 2, 1)
        #expect(give(&flow) == 3)
        for expected in [(1, 0), (1, 1), (2, 0)] {
            #expect(flow.recipient == .event(.init(batch: expected.0, index: expected.1)))
            flow.answered(at: 0)
        }
        #expect(flow.recipient == .unexpected)
        #expect(flow.isIdle)
    }

    @Test(
        "no more is given than the limits of events and bytes allow, and one event always",
        arguments: [(3, 1 << 20, 3), (512, 45, 4), (512, 10, 1), (512, 1, 1), (1, 1 << 20, 1)])
    func limits(inFlight: Int, bytes: Int, expected: Int) {
        var flow = flow(inFlight: inFlight, bytes: bytes)
        ask(&flow, 1, 10)
        #expect(give(&flow) == expected)
        #expect(give(&flow) == 0)
        flow.answered(at: 0)
        #expect(give(&flow) == 1)
    }

    @Test("the only event that was read is to blame, and its batch is forgotten; other batches stay")
    func blame() {
        var flow = flow()
        ask(&flow, 1, 3)
        ask(&flow, 2, 2)
        #expect(give(&flow) == 5)
        flow.answered(at: 0)
        #expect(flow.ended(unread: 30) == .event(.init(batch: 1, index: 1)))
        #expect(give(&flow) == 2)
        #expect(flow.recipient == .event(.init(batch: 2, index: 0)))
    }

    @Test("an event that was read in part is a suspect")
    func partly() {
        var flow = flow()
        ask(&flow, 1, 1)
        #expect(give(&flow) == 1)
        #expect(flow.ended(unread: 9) == .event(.init(batch: 1, index: 0)))
    }

    @Test("with several suspects none is blamed; as many are given one at a time, then many again")
    func isolated() {
        var flow = flow()
        ask(&flow, 1, 10)
        #expect(give(&flow) == 10)
        flow.answered(at: 0)
        #expect(flow.ended(unread: 60) == .nobody)
        #expect(flow.isolatedLeft == 3)
        flow.began(at: 0)
        for index in 1...3 {
            #expect(give(&flow) == 1)
            #expect(flow.recipient == .event(.init(batch: 1, index: index)))
            flow.answered(at: 0)
        }
        #expect(give(&flow) == 6)
    }

    @Test("the second run finds the event to blame among several suspects")
    func found() {
        var flow = flow()
        ask(&flow, 1, 10)
        #expect(give(&flow) == 10)
        #expect(flow.ended(unread: 0) == .nobody)
        flow.began(at: 0)
        for _ in 0..<4 {
            #expect(give(&flow) == 1)
            flow.answered(at: 0)
        }
        #expect(give(&flow) == 1)
        #expect(flow.ended(unread: 0) == .event(.init(batch: 1, index: 4)))
        #expect(flow.isIdle)
        #expect(flow.isolatedLeft == 5)
    }

    @Test("a suspect head is isolated: no other event is given before it is answered")
    func isolatedHead() {
        var flow = flow()
        ask(&flow, 1, 2)
        ask(&flow, 2, 3, headIsSuspect: true)
        #expect(give(&flow) == 2)
        flow.answered(at: 0)
        #expect(give(&flow) == 0)
        flow.answered(at: 0)
        #expect(give(&flow) == 1)
        flow.answered(at: 0)
        #expect(give(&flow) == 2)
    }

    @Test("a program that ends before it has read anything blames no event, and all batches are withdrawn")
    func start() {
        var flow = flow()
        ask(&flow, 1, 2)
        ask(&flow, 2, 2)
        #expect(flow.ended(unread: 0) == .start)
        #expect(flow.isIdle)
        ask(&flow, 3, 5)
        #expect(give(&flow) == 5)
        #expect(flow.ended(unread: 50) == .start)
        #expect(flow.isIdle)
    }

    @Test(
        "a program that has read no more than it has answered blames no event when it ends, and the rest is given again"
    )
    func innocent() {
        var flow = flow()
        ask(&flow, 1, 3)
        #expect(give(&flow) == 3)
        flow.answered(at: 0)
        #expect(flow.ended(unread: 20) == .nobody)
        #expect(flow.isolatedLeft == 0)
        #expect(give(&flow) == 2)
        #expect(flow.recipient == .event(.init(batch: 1, index: 1)))
    }

    @Test("answers to a withdrawn batch are awaited and discarded")
    func withdrawn() {
        var flow = flow(inFlight: 3)
        ask(&flow, 1, 5)
        #expect(give(&flow) == 3)
        flow.withdraw(1)
        ask(&flow, 2, 1)
        #expect(give(&flow) == 0)
        #expect(flow.recipient == .withdrawn)
        flow.answered(at: 0)
        #expect(give(&flow) == 1)
        #expect(flow.ended(unread: 10) == .nobody)
        #expect(give(&flow) == 1)
        #expect(flow.recipient == .event(.init(batch: 2, index: 0)))
    }

    @Test("an event of a withdrawn batch is not blamed")
    func withdrawnSuspect() {
        var flow = flow()
        ask(&flow, 1, 1)
        #expect(give(&flow) == 1)
        flow.withdraw(1)
        #expect(flow.ended(unread: 0) == .nobody)
        #expect(flow.isIdle)
    }

    @Test("an event's time begins when it is the first unanswered one")
    func timeLeft() {
        var flow = flow()
        #expect(flow.timeLeft(at: 0, unread: 0) == .unlimited)
        ask(&flow, 1, 2)
        #expect(give(&flow, at: 10) == 2)
        #expect(flow.timeLeft(at: 50, unread: 0) == .wait(60))
        flow.answered(at: 90)
        #expect(flow.timeLeft(at: 110, unread: 0) == .wait(80))
        #expect(flow.timeLeft(at: 190, unread: 0) == .over)
    }

    @Test("while the program starts and has read nothing, no event's time runs, up to the limit of the start")
    func starting() {
        var flow = flow()
        ask(&flow, 1, 1)
        #expect(give(&flow) == 1)
        #expect(flow.timeLeft(at: 100, unread: 10) == .wait(100))
        #expect(flow.timeLeft(at: 950, unread: 10) == .wait(50))
        #expect(flow.timeLeft(at: 960, unread: 0) == .wait(90))
        #expect(flow.timeLeft(at: 1100, unread: 10) == .over)
    }
}
