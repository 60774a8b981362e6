import Testing

@testable import Connectors

@Suite("the flow of events to an exec program")
struct ExecFlowTests {
    /// Each event is a line of ten bytes.
    private static let line = [UInt8](repeating: 120, count: 10)

    private func flow(inFlight: Int = 512, bytes: Int = 1 << 20, lineNumbers: Bool = false) -> ExecFlow {
        var options = ExecOptions(command: ["x"])
        options.lineNumbers = lineNumbers
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
            #expect(flow.recipient(of: nil) == .event(.init(batch: expected.0, index: expected.1)))
            flow.answered(nil, at: 0)
        }
        #expect(flow.recipient(of: nil) == .fault(.unasked))
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
        flow.answered(nil, at: 0)
        #expect(give(&flow) == 1)
    }

    @Test("the only event that was read is to blame, and its batch is forgotten; other batches stay")
    func blame() {
        var flow = flow()
        ask(&flow, 1, 3)
        ask(&flow, 2, 2)
        #expect(give(&flow) == 5)
        flow.answered(nil, at: 0)
        #expect(flow.ended(unread: 30) == .event(.init(batch: 1, index: 1)))
        #expect(give(&flow) == 2)
        #expect(flow.recipient(of: nil) == .event(.init(batch: 2, index: 0)))
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
        flow.answered(nil, at: 0)
        #expect(flow.ended(unread: 60) == .nobody)
        #expect(flow.isolatedLeft == 3)
        flow.began(at: 0)
        for index in 1...3 {
            #expect(give(&flow) == 1)
            #expect(flow.recipient(of: nil) == .event(.init(batch: 1, index: index)))
            flow.answered(nil, at: 0)
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
            flow.answered(nil, at: 0)
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
        flow.answered(nil, at: 0)
        #expect(give(&flow) == 0)
        flow.answered(nil, at: 0)
        #expect(give(&flow) == 1)
        flow.answered(nil, at: 0)
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
        flow.answered(nil, at: 0)
        #expect(flow.ended(unread: 20) == .nobody)
        #expect(flow.isolatedLeft == 0)
        #expect(give(&flow) == 2)
        #expect(flow.recipient(of: nil) == .event(.init(batch: 1, index: 1)))
    }

    @Test("answers to a withdrawn batch are awaited and discarded")
    func withdrawn() {
        var flow = flow(inFlight: 3)
        ask(&flow, 1, 5)
        #expect(give(&flow) == 3)
        flow.withdraw(1)
        ask(&flow, 2, 1)
        #expect(give(&flow) == 0)
        #expect(flow.recipient(of: nil) == .withdrawn)
        flow.answered(nil, at: 0)
        #expect(give(&flow) == 1)
        #expect(flow.ended(unread: 10) == .nobody)
        #expect(give(&flow) == 1)
        #expect(flow.recipient(of: nil) == .event(.init(batch: 2, index: 0)))
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
        flow.answered(nil, at: 90)
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

    /// Has the program answer: `"3"` is an answer to line 3, `"-"` one without a number. Returns the first fault.
    private func play(_ flow: inout ExecFlow, _ answers: [String]) -> ExecFlow.Fault? {
        for answer in answers {
            let number = Int(answer)
            if case .fault(let fault) = flow.recipient(of: number) { return fault }
            flow.answered(number, at: 0)
        }
        return nil
    }

    @Test(
        "an answer with a number belongs to its line, one without to the first unanswered line, and others are a fault",
        arguments: [
            // In order, with and without numbers.
            (["1", "2", "3"], nil), (["-", "-", "-"], nil), (["1", "-", "3"], nil), (["-", "2", "-"], nil),
            // Out of order.
            (["3", "2", "1"], nil), (["2", "1", "3"], nil), (["3", "1", "2"], nil),
            // Twice, before and after the line has left the window.
            (["1", "1"], .second(1)), (["2", "2"], .second(2)), (["2", "1", "2"], .second(2)),
            (["1", "2", "3", "3"], .second(3)), (["1", "2", "3", "1"], .second(1)), (["-", "1"], .second(1)),
            // Never given.
            (["4"], .unknown(4)), (["0"], .unknown(0)), (["-1"], .unknown(-1)), (["1", "2", "3", "4"], .unknown(4)),
            ([String(Int.max)], .unknown(Int.max)), ([String(Int.min)], .unknown(Int.min)),
            // Without a number after answers out of order: clear only while a single line waits.
            (["2", "-"], .unnumbered), (["2", "1", "-"], nil), (["3", "2", "-"], nil), (["3", "1", "-"], nil),
            (["-", "-", "-", "-"], .unasked),
        ] as [([String], ExecFlow.Fault?)])
    func numbers(answers: [String], expected: ExecFlow.Fault?) {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 2)
        ask(&flow, 2, 1)
        #expect(give(&flow) == 3)
        #expect(play(&flow, answers) == expected)
        if expected == nil { #expect(flow.isIdle) }
    }

    @Test("answers out of order belong to the events of their numbers, and each run counts its lines anew")
    func recipients() {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 2)
        ask(&flow, 2, 2)
        #expect(give(&flow) == 4)
        for (number, batch, index) in [(3, 2, 0), (2, 1, 1)] {
            #expect(flow.recipient(of: number) == .event(.init(batch: batch, index: index)))
            flow.answered(number, at: 0)
        }
        #expect(flow.inFlight == 2)
        #expect(flow.ended(unread: 0) == .nobody)
        flow.began(at: 0)
        // Lines 1 and 4 of the run before, one at a time.
        for (number, batch, index) in [(1, 1, 0), (2, 2, 1)] {
            #expect(give(&flow) == 1)
            #expect(flow.recipient(of: number) == .event(.init(batch: batch, index: index)))
            flow.answered(number, at: 0)
        }
        #expect(flow.isIdle)
    }

    @Test("each line is given with its number in its run")
    func written() {
        var flow = flow(lineNumbers: true)
        for _ in 0..<2 {
            flow.began(at: 0)
            flow.ask(1, lines: [Array("{\"n\":7}\n".utf8), Array("{}\n".utf8)], headIsSuspect: false)
            #expect(flow.next(at: 0).map { String(decoding: $0, as: UTF8.self) } == "{\"_line\":1,\"n\":7}\n")
            #expect(flow.next(at: 0).map { String(decoding: $0, as: UTF8.self) } == "{\"_line\":2}\n")
            #expect(flow.ended(unread: 1000) == .start)
        }
    }

    @Test("the program gets no further ahead of the first unanswered line than the limits allow, whatever it answers")
    func bounded() {
        for (count, bytes) in [(4, 1 << 20), (512, 40)] {
            var flow = flow(inFlight: count, bytes: bytes, lineNumbers: true)
            ask(&flow, 1, 20)
            #expect(give(&flow) == 4)
            #expect(play(&flow, ["4", "2", "3"]) == nil)
            #expect(give(&flow) == 0)
            #expect(play(&flow, ["1"]) == nil)
            #expect(give(&flow) == 4)
        }
    }

    @Test("a second answer blames no event and isolates none; all in flight are given again")
    func second() {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 4)
        #expect(give(&flow) == 4)
        #expect(play(&flow, ["1", "3", "3"]) == .second(3))
        #expect(flow.ended(unread: 0, fault: .second(3)) == .nobody)
        flow.began(at: 0)
        #expect(give(&flow) == 2)
        #expect(flow.recipient(of: 2) == .event(.init(batch: 1, index: 3)))
        // Even with a single event in flight.
        #expect(play(&flow, ["1", "1"]) == .second(1))
        #expect(flow.ended(unread: 0, fault: .second(1)) == .nobody)
        #expect(give(&flow) == 1)
    }

    @Test("after an answer out of order, lines are given one at a time to a program that leaves numbers out")
    func unnumbered() {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 4)
        #expect(give(&flow) == 4)
        #expect(play(&flow, ["2", "-"]) == .unnumbered)
        #expect(flow.ended(unread: 0, fault: .unnumbered) == .nobody)
        flow.began(at: 0)
        for _ in 0..<3 {
            #expect(give(&flow) == 1)
            #expect(play(&flow, ["-"]) == nil)
        }
        // The program is remembered over its runs.
        ask(&flow, 2, 2)
        #expect(give(&flow) == 2)
        #expect(play(&flow, ["-"]) == .unnumbered)
    }

    @Test("an answer to a line that was not given is blamed on the only event that has none")
    func unknown() {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 3)
        #expect(give(&flow) == 3)
        #expect(play(&flow, ["3", "1", "9"]) == .unknown(9))
        #expect(flow.ended(unread: 0, fault: .unknown(9)) == .event(.init(batch: 1, index: 1)))
        #expect(flow.isIdle)
    }

    @Test("answers out of order leave the time of the first unanswered event as it is")
    func timeAhead() {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 3)
        #expect(give(&flow, at: 10) == 3)
        flow.answered(2, at: 90)
        #expect(flow.timeLeft(at: 100, unread: 0) == .wait(10))
        flow.answered(1, at: 105)
        #expect(flow.timeLeft(at: 110, unread: 0) == .wait(95))
    }

    @Test("answers to a withdrawn batch are discarded by their numbers, in any order")
    func withdrawnNumbers() {
        var flow = flow(lineNumbers: true)
        ask(&flow, 1, 2)
        ask(&flow, 2, 1)
        #expect(give(&flow) == 3)
        flow.withdraw(1)
        #expect(flow.recipient(of: 2) == .withdrawn)
        #expect(play(&flow, ["2", "3"]) == nil)
        #expect(flow.recipient(of: 1) == .withdrawn)
        #expect(play(&flow, ["1"]) == nil)
        #expect(flow.isIdle)
    }
}
