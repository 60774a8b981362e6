import Pipeline
import TestSupport
import Testing

@testable import Connectors

@Suite("the schedule of a batch")
struct WebhookScheduleTests {
    private var generator = SplitMix64(seed: 1)
    private var schedule = WebhookSchedule(inFlight: 3)

    /// A batch from a short notation: `a1 b1 a2`. The letter is the conversation; a minus marks an unwanted event.
    private func batch(_ text: String) throws -> [WebhookSchedule.Arrival] {
        try text.split(separator: " ").map {
            WebhookSchedule.Arrival(
                id: try WebhookID(of: Array($0.utf8)), conversation: String($0.prefix(1)), isWanted: !$0.hasSuffix("-"))
        }
    }

    /// The indexes of all events that may be sent now.
    private mutating func started(at now: Int64 = 0) -> [Int] {
        var indexes: [Int] = []
        while let (index, _) = schedule.next(at: now) { indexes.append(index) }
        return indexes
    }

    private mutating func deliver(_ indexes: Int..., at now: Int64 = 0) {
        for index in indexes { schedule.finished(index, .delivered, at: now, using: &generator) }
    }

    private mutating func fail(_ indexes: Int..., at now: Int64 = 0, pause: Int64? = nil) {
        for index in indexes { schedule.finished(index, .failed("no", pause: pause), at: now, using: &generator) }
    }

    /// How many events are decided, and whether the failure of the next one counts; nil at the end of the batch.
    private mutating func decided() -> (count: Int, isCounted: Bool?) {
        var count = 0
        while count < 10_000 {
            do throws(StageError) {
                try schedule.decide()
                count += 1
            } catch {
                return error.message == "the event is not in the batch" ? (count, nil) : (count, error.isCounted)
            }
        }
        return (count, nil)
    }

    @Test("conversations go side by side, the events of one after the other, the earliest first")
    mutating func order() throws {
        schedule.begin(try batch("a1 a2 b1 c1 d1 b2"), at: 0)
        #expect(started() == [0, 2, 3])
        deliver(0)
        #expect(started() == [1])
        deliver(2)
        #expect(started() == [4])
        deliver(1, 3, 4)
        #expect(started() == [5])
        deliver(5)
        #expect(schedule.inFlight == 0)
        #expect(decided() == (6, nil))
    }

    @Test("events of types that nobody wants are passed over without a request")
    mutating func unwanted() throws {
        schedule.begin(try batch("a1- a2 a3- a4 b1-"), at: 0)
        #expect(started() == [1])
        deliver(1)
        #expect(started() == [3])
        deliver(3)
        #expect(decided() == (5, nil))
    }

    @Test("an event that fails stops its conversation only; what was delivered is not sent again")
    mutating func failure() throws {
        schedule.begin(try batch("a1 b1 a2 b2 c1"), at: 0)
        #expect(started() == [0, 1, 4])
        fail(1)
        deliver(0, 4)
        #expect(started() == [2])
        deliver(2)
        #expect(started().isEmpty)
        #expect(decided() == (1, true))

        // a1 is committed; the next batch has the rest and one more event.
        schedule.begin(try batch("b1 a2 b2 c1 a3"), at: 1)
        #expect(started(at: 1) == [4])
        deliver(4, at: 2)
        #expect(decided() == (0, false))

        schedule.begin(try batch("b1 a2 b2 c1 a3"), at: 1000)
        #expect(started(at: 1000) == [0])
        deliver(0, at: 1001)
        #expect(started(at: 1001) == [2])
        deliver(2, at: 1002)
        #expect(decided() == (5, nil))
    }

    @Test("each failure is counted once, also when it stood behind another one")
    mutating func counted() throws {
        schedule.begin(try batch("a1 b1"), at: 0)
        #expect(started() == [0, 1])
        fail(0, 1)
        #expect(decided() == (0, true))
        schedule.begin(try batch("a1 b1"), at: 10)
        #expect(started(at: 10).isEmpty)
        #expect(decided() == (0, false))
        schedule.begin(try batch("a1 b1"), at: 1000)
        #expect(started(at: 1000) == [0, 1])
        deliver(0, at: 1000)
        fail(1, at: 1000)
        #expect(decided() == (1, true))
        schedule.begin(try batch("b1"), at: 1001)
        #expect(decided() == (0, false))
    }

    @Test("after an event is dead-lettered, the next of its conversation is sent")
    mutating func deadLettered() throws {
        schedule.begin(try batch("a1 a2 b1"), at: 0)
        #expect(started() == [0, 2])
        fail(0)
        deliver(2)
        #expect(decided() == (0, true))
        schedule.begin(try batch("a2 b1"), at: 1)
        #expect(started(at: 1) == [0])
        deliver(0, at: 1)
        #expect(decided() == (2, nil))
    }

    @Test("no request is started after the window; what was not tried has not failed")
    mutating func window() throws {
        schedule.begin(try batch("a1 a2 b1 c1 d1"), at: 0)
        #expect(started(at: 999) == [0, 2, 3])
        deliver(0, 2, 3, at: 1000)
        #expect(started(at: 1000).isEmpty)
        #expect(decided() == (1, false))
        schedule.begin(try batch("a2 b1 c1 d1"), at: 1001)
        #expect(started(at: 1001) == [0, 3])
    }

    @Test("after too many failures no request is sent for the rest of the batch")
    mutating func trouble() throws {
        schedule.begin(try batch("a b c d e f"), at: 0)
        #expect(started() == [0, 1, 2])
        fail(0, 1, 2)
        #expect(started().isEmpty)
        #expect(decided() == (0, true))
        schedule.begin(try batch("a b c d e f"), at: 1)
        #expect(started(at: 1) == [3, 4, 5])
    }

    @Test("a shorter batch does not forget what was delivered behind it")
    mutating func shorter() throws {
        schedule.begin(try batch("a1 b1 c1 d1"), at: 0)
        #expect(started() == [0, 1, 2])
        fail(0)
        deliver(1, 2)
        #expect(started() == [3])
        deliver(3)
        #expect(decided() == (0, true))
        schedule.begin(try batch("a1"), at: 5000)
        #expect(started(at: 5000) == [0])
        deliver(0, at: 5000)
        #expect(decided() == (1, nil))
        schedule.begin(try batch("b1 c1 d1 e1"), at: 5001)
        #expect(started(at: 5001) == [3])
    }

    @Test("the same event once more, committed before, is another event")
    mutating func repeats() throws {
        schedule.begin(try batch("a a"), at: 0)
        for index in 0..<2 {
            #expect(started() == [index])
            deliver(index)
        }
        #expect(decided() == (2, nil))
        schedule.begin(try batch("a a"), at: 0)
        #expect(started() == [0])
    }

    @Test("pauses grow from a second to a minute, and a receiver may ask for more")
    mutating func pauses() throws {
        #expect(
            (1...7).map { schedule.pause(after: $0) } == [1000, 4000, 16_000, 60_000, 60_000, 60_000, 60_000])
        #expect(schedule.pause(after: .max) == 60_000)
        schedule.begin(try batch("a"), at: 0)
        #expect(started() == [0])
        fail(0, pause: 30_000)
        _ = decided()
        schedule.begin(try batch("a"), at: 29_999)
        #expect(started(at: 29_999).isEmpty)
        schedule.begin(try batch("a"), at: 30_000)
        #expect(started(at: 30_000) == [0])
    }

    @Test("whatever fails: each event is delivered once, in the order of its conversation", arguments: 0..<20)
    mutating func random(_ seed: UInt64) throws {
        generator = SplitMix64(seed: seed)
        var queue = try batch(
            (0..<200).map { "\("abcdefgh".randomElement(using: &generator) ?? "a")\($0)" }.joined(separator: " "))
        let expected = Dictionary(grouping: queue, by: \.conversation).mapValues { $0.map(\.id) }
        var delivered: [String: [WebhookID]] = [:]
        var now: Int64 = 0
        var rounds = 0
        while !queue.isEmpty, rounds < 100_000 {
            rounds += 1
            let batch = Array(queue.prefix(Int.random(in: 1...40, using: &generator)))
            schedule.begin(batch, at: now)
            var underWay: [Int] = []
            while true {
                while let (index, _) = schedule.next(at: now) { underWay.append(index) }
                #expect(Set(underWay.map { batch[$0].conversation }).count == underWay.count, "seed \(seed)")
                guard let place = underWay.indices.randomElement(using: &generator) else { break }
                let index = underWay.remove(at: place)
                now += Int64.random(in: 0...300, using: &generator)
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    schedule.finished(index, .failed("no"), at: now, using: &generator)
                } else {
                    delivered[batch[index].conversation, default: []].append(batch[index].id)
                    schedule.finished(index, .delivered, at: now, using: &generator)
                }
            }
            var count = 0
            while count < batch.count, (try? schedule.decide()) != nil { count += 1 }
            queue.removeFirst(count)
            now += Int64.random(in: 0...2000, using: &generator)
        }
        #expect(delivered == expected, "seed \(seed)")
    }
}
