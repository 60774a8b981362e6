import Testing

@testable import Pipeline

@Suite("how many events a call holds")
struct CallPaceTests {
    private func pace(_ callTime: Int64, _ calls: [(events: Int, microseconds: Int64)]) -> Int {
        var limits = PipelineLimits()
        limits.callTime = callTime
        var pace = CallPace(limits: limits)
        for call in calls { pace.note(events: call.events, microseconds: call.microseconds) }
        return pace.events
    }

    @Test("it doubles from sixteen on, up to the limit of a batch")
    func growth() {
        for (calls, events) in [(0, 16), (1, 32), (2, 64), (5, 512), (9, 512)] {
            #expect(pace(4, Array(repeating: (16, 64), count: calls)) == events)
        }
    }

    @Test("it shrinks at once, and down to one event")
    func shrinking() {
        #expect(pace(4, [(16, 64), (32, 64), (64, 64_000)]) == 4)
        #expect(pace(4, [(16, 1_000_000)]) == 1)
        #expect(pace(4, [(16, .max)]) == 1)
    }

    @Test("what was dear once is forgotten after a while")
    func recovery() {
        let dear: [(Int, Int64)] = [(16, 160_000)]
        #expect(pace(4, dear) == 1)
        #expect(pace(4, dear + Array(repeating: (1, 10), count: 3)) < 4)
        #expect(pace(4, dear + Array(repeating: (1, 10), count: 100)) > 350)
    }

    @Test("without a limit, and without a measure, nothing changes")
    func none() {
        #expect(pace(0, [(512, 1_000_000)]) == 512)
        #expect(pace(4, [(16, 0), (0, 5)]) == 16)
    }
}
