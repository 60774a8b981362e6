import Store
import Testing

@testable import Edge

@Suite("A position from a time without a feed")
struct FeedIdentityTests {
    private static let day: Int64 = 86_400_000
    private static let start: Int64 = 1_700_000_000_000

    /// What is known of the channel, in days: when its feed was born, and the latest birth of a feed that is gone.
    private struct Case: CustomTestStringConvertible {
        let testDescription: String
        let born: Double?
        let swept: Double?
        /// When the position was given; nil: by an older version, which wrote no time.
        let given: Double?
        let verdict: FeedIdentity.Verdict
    }

    @Test(
        "holds unless a feed that was born since is gone",
        arguments: [
            Case(
                testDescription: "no feed, and none was ever removed", born: nil, swept: nil, given: 1, verdict: .holds),
            Case(testDescription: "no feed; older ones were removed", born: nil, swept: 1, given: 2, verdict: .holds),
            Case(testDescription: "no feed; a later one was removed", born: nil, swept: 2, given: 1, verdict: .lost),
            Case(testDescription: "no feed; one born then was removed", born: nil, swept: 1, given: 1, verdict: .lost),
            Case(testDescription: "the first feed", born: 2, swept: nil, given: 1, verdict: .holds),
            Case(testDescription: "a feed born at the same moment", born: 1, swept: nil, given: 1, verdict: .holds),
            Case(testDescription: "a feed; older ones were removed", born: 3, swept: 1, given: 2, verdict: .holds),
            Case(testDescription: "a feed after one that it missed", born: 20, swept: 2, given: 1, verdict: .lost),
            Case(testDescription: "given after that feed", born: 2, swept: 1, given: 3, verdict: .later),
            Case(testDescription: "an old position, no feed yet", born: nil, swept: nil, given: nil, verdict: .holds),
            Case(testDescription: "an old position and a feed", born: 1, swept: nil, given: nil, verdict: .lost),
            Case(testDescription: "an old position, feeds removed", born: nil, swept: 1, given: nil, verdict: .lost),
        ])
    private func judged(_ example: Case) {
        func time(_ days: Double?) -> Int64 { days.map { Self.start + Int64($0 * Double(Self.day)) } ?? 0 }
        let history = ChannelHistory(
            epoch: 1, born: time(example.born), last: 3, floor: 0, items: [], time: 0, swept: time(example.swept),
            isComplete: true)
        #expect(FeedIdentity(history).judge(unbornAt: time(example.given)) == example.verdict)
    }

    @Test("in an epoch of this library, a position without a time holds as long as no feed was removed")
    func timeless() {
        func verdict(born: Int64, swept: Int64) -> FeedIdentity.Verdict {
            let history = ChannelHistory(
                epoch: 3_338_665_984_000_001, born: born, last: 3, floor: 0, items: [], time: 0, swept: swept,
                isComplete: true)
            return FeedIdentity(history).judge(unbornAt: 0)
        }
        #expect(verdict(born: 0, swept: 0) == .holds)
        #expect(verdict(born: Self.start, swept: 0) == .holds)
        #expect(verdict(born: Self.start, swept: Self.start - 1) == .lost)
        #expect(verdict(born: 0, swept: Self.start) == .lost)
    }

    @Test("a number that is no time was a number in another client's feed: it is lost")
    func foreign() {
        for number in [1, 17, 999_999_999_999] as [Int64] {
            #expect(FeedIdentity(.unborn(time: Self.start)).judge(unbornAt: number) == .lost)
            #expect(FeedIdentity(.sample(1...20, born: 1)).judge(unbornAt: number) == .lost)
        }
    }
}
