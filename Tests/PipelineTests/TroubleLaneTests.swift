import TestSupport
import Testing

@testable import Pipeline

/// What a lane does about a line that is too slow for its batches.
struct TroubleLaneTests {
    @Test("after answers that took longer than a lease batches are smaller, down to one, and grow with each commit")
    func batches() {
        var generator = SplitMix64()
        var limits = PipelineLimits()
        limits.callTime = 0
        var lane = Lane(limits: limits, suspect: false)
        var sizes: [Int] = []
        func note(_ action: Lane.Action) {
            if case .peek(let count, _) = action { sizes.append(count) }
        }
        note(lane.begin())
        for _ in 0..<4 {
            _ = lane.handle(.unsure, using: &generator)
            note(lane.handle(.timer, using: &generator))
        }
        #expect(sizes == [512, 64, 8, 1, 1])
        while let size = sizes.last, size < 512, sizes.count < 100 {
            _ = lane.handle(.peeked(events: size, bytes: size * 400), using: &generator)
            _ = lane.handle(.transformed(decided: size), using: &generator)
            note(lane.handle(.committed, using: &generator))
        }
        #expect(sizes.last == 512)
        #expect(zip(sizes.dropFirst(4), sizes.dropFirst(5)).allSatisfy { $0 <= $1 }, "\(sizes)")
    }
}
