import Store
import Testing

@testable import Edge

@Suite("The ring of recent events")
struct RingTests {
    private static func ring(_ history: ChannelHistory, _ change: (inout EdgeLimits) -> Void = { _ in }) -> Ring {
        var limits = EdgeLimits()
        change(&limits)
        let ring = Ring(limits: limits)
        ring.replace(with: history)
        return ring
    }

    private static func position(_ sequence: Int64, epoch: Int64 = 1, born: Int64 = 1000) -> Offset {
        .position(Position(epoch: epoch, born: born, sequence: sequence))
    }

    private static func found(_ sequence: Int64, news: Bool, born: Int64 = 1000) -> OffsetLookup {
        .found(Position(epoch: 1, born: born, sequence: sequence), hasNews: news)
    }

    private static func text(_ batch: EncodedBatch) -> String { String(decoding: batch.body, as: UTF8.self) }

    @Test("the events after a position are one array, which is empty at the tail")
    func batches() {
        let ring = Self.ring(.sample(1...3))
        #expect(Self.text(ring.batch(after: 0)) == "[1,2,3]")
        #expect(Self.text(ring.batch(after: 2)) == "[3]")
        let tail = ring.batch(after: 3)
        #expect(Self.text(tail) == "[]" && tail.count == 0 && tail.reachesEnd && tail.next.sequence == 3)
    }

    @Test("readers at one position share one body, and a new event is in the next")
    func shared() {
        let ring = Self.ring(.sample(1...3))
        let first = ring.batch(after: 1).body.withUnsafeBufferPointer { $0.baseAddress }
        #expect(ring.batch(after: 1).body.withUnsafeBufferPointer { $0.baseAddress } == first)
        #expect(ring.offer(4, [0x34]) == .appended)
        #expect(Self.text(ring.batch(after: 1)) == "[2,3,4]")
    }

    @Test("only the next sequence number is appended")
    func offers() {
        let ring = Self.ring(.sample(1...3))
        #expect(ring.offer(3, Array("3".utf8)) == .duplicate)
        #expect(ring.offer(2, Array("other".utf8)) == .suspect)
        #expect(ring.offer(5, Array("5".utf8)) == .gap)
        #expect(ring.offer(4, Array("4".utf8)) == .appended)
        #expect(ring.offer(5, Array("5".utf8)) == .appended)
        #expect(ring.last == 5)
    }

    @Test("the first event of a new feed is not appended before its birth is known")
    func unborn() {
        let ring = Self.ring(
            .unborn(time: 1_700_000_000_000))
        #expect(ring.offer(1, [0x31]) == .suspect)
    }

    @Test("the oldest events are dropped when there are too many or they are too large")
    func bounded() {
        let ring = Self.ring(.sample(1...10)) { $0.ringEvents = 4 }
        #expect(ring.count == 4 && ring.floor == 6)
        let small = Self.ring(.sample(1...3)) { $0.ringBytes = 100 }
        #expect(small.offer(4, Array(repeating: 0x31, count: 99)) == .appended)
        #expect(small.count == 2)
        #expect(small.offer(5, Array(repeating: 0x31, count: 500)) == .appended)
        #expect(small.count == 1 && small.floor == 4, "the newest stays, however large")
        for sequence in Int64(6)...5000 { _ = small.offer(sequence, [0x31]) }
        #expect(small.count == 100 && small.last == 5000 && small.bytes == 100)
    }

    @Test("an answer is split between two events, and a single event never")
    func cut() {
        let ring = Self.ring(.sample(1...9)) { $0.answerBytes = 7 }
        let batch = ring.batch(after: 0)
        #expect(Self.text(batch) == "[1,2,3]" && !batch.reachesEnd && batch.next.sequence == 3)
        #expect(ring.offer(10, Array("\"a long event\"".utf8)) == .appended)
        #expect(Self.text(ring.batch(after: 9)) == "[\"a long event\"]")
    }

    @Test("a position is found by its sequence number")
    func positions() {
        let ring = Self.ring(.sample(1...5))
        #expect(ring.find(Self.position(0)) == Self.found(0, news: true))
        #expect(ring.find(Self.position(4)) == Self.found(4, news: true))
        #expect(ring.find(Self.position(5)) == Self.found(5, news: false), "the tail")
        #expect(ring.find(.now) == Self.found(5, news: false))
        #expect(ring.find(.beginning) == Self.found(0, news: true))
    }

    @Test(
        "a position of an earlier epoch is lost; one that the ring has not seen is not judged before the feed is read")
    func unseen() {
        let ring = Self.ring(.sample(1...5, epoch: 2))
        #expect(ring.find(Self.position(3, epoch: 1)) == .lost)
        #expect(ring.find(Self.position(3, epoch: 3)) == .unseen)
        #expect(ring.find(Self.position(3, epoch: 2, born: 999)) == .unseen)
        #expect(ring.find(Self.position(3, epoch: 2, born: 1001)) == .unseen)
        #expect(ring.find(Self.position(6, epoch: 2)) == .unseen)
        #expect(ring.find(Self.position(6, epoch: 1)) == .lost)
    }

    @Test("a position before the trimmed events is lost; the oldest one after them can be read")
    func trimmed() {
        let ring = Self.ring(.sample(11...20, floor: 10))
        #expect(ring.find(Self.position(9)) == .lost)
        #expect(ring.find(Self.position(10)) == Self.found(10, news: true))
        #expect(ring.find(.beginning) == Self.found(10, news: true))
    }

    @Test("retracted events leave gaps that are not a loss")
    func retracted() {
        var history = ChannelHistory.sample(1...9)
        history.items.removeAll { [1, 2, 5, 9].contains($0.sequence) }
        let ring = Self.ring(history)
        #expect(ring.find(Self.position(0)) == Self.found(0, news: true))
        #expect(Self.text(ring.batch(after: 4)) == "[6,7,8]")
        // The newest event is retracted: there is nothing to read after 8, and the next position is 9.
        #expect(ring.find(Self.position(8)) == Self.found(8, news: false))
        #expect(ring.batch(after: 8).next.sequence == 9)
        #expect(ring.offer(10, Array("10".utf8)) == .appended)
        #expect(Self.text(ring.batch(after: 8)) == "[10]")
    }

    /// A time at which a channel had no feed.
    private static let before: Int64 = 1_700_000_000_000

    @Test("a position in a feed that did not exist yet stays valid while nothing was trimmed")
    func beforeFirst() {
        let offset = Self.position(Self.before, born: 0)
        let born = Self.before + 500
        let ring = Self.ring(.sample(1...5, born: born))
        #expect(ring.find(offset) == Self.found(0, news: true, born: born))
        #expect(Self.ring(.sample(11...20, floor: 10, born: born)).find(offset) == .lost)
        #expect(Self.ring(.sample(1...5, epoch: 2, born: born)).find(offset) == .lost)
        #expect(ring.find(Self.position(Self.before, epoch: 2, born: 0)) == .unseen)
    }

    @Test("while there is no feed, a reader's position is that of the last look at it, and never falls")
    func stillUnborn() {
        let ring = Self.ring(.unborn(time: Self.before))
        #expect(ring.tail == Position(epoch: 1, born: 0, sequence: Self.before))
        #expect(ring.find(.beginning) == Self.found(Self.before, news: false, born: 0))
        #expect(ring.find(.now) == Self.found(Self.before, news: false, born: 0))
        for (time, expected) in [(-7, 0), (0, 0), (9, 9)] as [(Int64, Int64)] {
            let offset = Self.position(Self.before + time, born: 0)
            #expect(ring.find(offset) == Self.found(Self.before + expected, news: false, born: 0))
            let next = ring.batch(after: Self.before + time).next
            #expect(next == Position(epoch: 1, born: 0, sequence: Self.before + expected))
            #expect(ring.tail(from: next) == next)
        }
        ring.replace(with: .unborn(time: Self.before + 60_000))
        #expect(ring.tail.sequence == Self.before + 60_000)
    }

    @Test("a position without a feed is lost when a feed that was born later is gone; one that is ahead is looked up")
    func sweptSince() {
        let offset = Self.position(Self.before, born: 0)
        #expect(Self.ring(.unborn(time: Self.before + 9, swept: Self.before)).find(offset) == .lost)
        var history = ChannelHistory.sample(1...5, born: Self.before + 500)
        history.swept = Self.before
        #expect(Self.ring(history).find(offset) == .lost)
        history.swept = Self.before - 1
        #expect(Self.ring(history).find(offset) == Self.found(0, news: true, born: Self.before + 500))
        // The ring holds a feed that is gone: another edge knows that.
        let ahead = Self.position(Self.before + 501, born: 0)
        #expect(Self.ring(history).find(ahead) == .unseen)
        let read = Ring(limits: EdgeLimits())
        read.replace(withPart: history, after: 0)
        #expect(read.find(ahead) == .lost)
    }

    @Test("events that only the feed still has are requested, not lost")
    func older() {
        let ring = Self.ring(.sample(1...100)) { $0.ringEvents = 10 }
        #expect(ring.find(Self.position(50)) == .older)
        #expect(ring.find(.beginning) == .older)
        #expect(ring.find(Self.position(90)) == Self.found(90, news: true))
    }

    @Test("a ring that holds more than the feed starts where the feed does, and serves slow readers longer")
    func larger() {
        let ring = Self.ring(.sample(1...10))
        for sequence in Int64(11)...30 { #expect(ring.offer(sequence, Array("\(sequence)".utf8)) == .appended) }
        #expect(ring.find(.beginning) == .older, "only the feed knows how far it was cut meanwhile")
        ring.noteFloor(of: .sample(21...30, floor: 20, born: 7))
        #expect(ring.find(.beginning) == .older, "another feed")
        ring.noteFloor(of: .sample(21...30, floor: 20))
        #expect(ring.find(.beginning) == Self.found(20, news: true))
        #expect(ring.offer(31, Array("31".utf8)) == .appended)
        #expect(ring.find(.beginning) == Self.found(20, news: true), "a few events too many are no harm")
        #expect(ring.find(Self.position(3)) == Self.found(3, news: true))
        #expect(ring.batch(after: 3).count == 28)
    }

    @Test("a history that was made longer shows no events that were cut before: who needs them is told")
    func raised() {
        // 100 were kept up to 500, then 1000: 401 to 510 are there.
        var history = ChannelHistory.sample(491...510, floor: 400)
        history.isComplete = false
        let ring = Self.ring(history)
        #expect(ring.find(Self.position(10)) == .lost)
        #expect(ring.find(Self.position(399)) == .lost)
        #expect(ring.find(Self.position(400)) == .older)
        #expect(ring.find(.beginning) == .older)
    }

    @Test("a history that continues the ring is appended; one after a gap replaces it")
    func merges() {
        let ring = Self.ring(.sample(1...5))
        ring.merge(.sample(6...9, last: 9))
        #expect(Self.text(ring.batch(after: 3)) == "[4,5,6,7,8,9]")
        ring.merge(.sample(101...110, floor: 100))
        #expect(ring.find(Self.position(9)) == .lost)
        #expect(Self.text(ring.batch(after: 108)) == "[109,110]")
    }

    /// The events 11 to 20 of a feed, read after the tenth.
    private static func part(
        isComplete: Bool, floor: Int64 = 0, after: Int64 = 10
    ) -> Ring {
        let ring = Ring(limits: EdgeLimits())
        var history = ChannelHistory.sample(11...20, floor: floor, last: isComplete ? 20 : 500)
        history.isComplete = isComplete
        ring.replace(withPart: history, after: after)
        return ring
    }

    @Test(
        "a part of a history serves positions within it; others need another part",
        arguments: [
            (10, false, found(10, news: true)), (19, false, found(19, news: true)), (20, false, .older),
            (300, false, .older), (9, false, .older), (10, true, found(10, news: true)),
            (20, true, found(20, news: false)), (21, true, .lost), (9, true, .older),
        ] as [(Int64, Bool, OffsetLookup)])
    func parts(_ sequence: Int64, _ isComplete: Bool, _ lookup: OffsetLookup) {
        #expect(Self.part(isComplete: isComplete).find(Self.position(sequence)) == lookup)
    }

    @Test("the end of a part is not the end of the feed")
    func partsEnd() {
        let batch = Self.part(isComplete: false).batch(after: 18)
        #expect(Self.text(batch) == "[19,20]" && batch.next.sequence == 20 && batch.reachesEnd)
        #expect(Self.part(isComplete: true).batch(after: 18).next.sequence == 20)
    }

    @Test("events trimmed before a part was read are lost, and the oldest event kept is the beginning")
    func partsOfTrimmed() {
        // The feed was trimmed up to 12: the reader at 10 is too late.
        var history = ChannelHistory.sample(13...20, floor: 12, last: 32)
        history.isComplete = false
        let ring = Ring(limits: EdgeLimits())
        ring.replace(withPart: history, after: 10)
        #expect(ring.find(Self.position(10)) == .lost)
        #expect(ring.find(.beginning) == Self.found(12, news: true))
        #expect(ring.find(Self.position(12, epoch: 2)) == .lost)
        #expect(ring.find(Self.position(12, born: 7)) == .lost)
        #expect(Self.part(isComplete: false).find(.beginning) == .older)
    }
}

extension ChannelHistory {
    /// No feed, at this time.
    static func unborn(time: Int64, swept: Int64 = 0, epoch: Int64 = 1) -> ChannelHistory {
        ChannelHistory(
            epoch: epoch, born: 0, last: 0, floor: 0, items: [], time: time, swept: swept, isComplete: true)
    }

    /// A feed with exactly these events; each event is its number.
    static func sample(
        _ range: ClosedRange<Int64>, floor: Int64 = 0, epoch: Int64 = 1, born: Int64 = 1000, last: Int64? = nil
    ) -> ChannelHistory {
        ChannelHistory(
            epoch: epoch, born: born, last: last ?? range.upperBound, floor: floor,
            items: range.map { Item(sequence: $0, event: Array("\($0)".utf8)) }, isComplete: true)
    }
}
