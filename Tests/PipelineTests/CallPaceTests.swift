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

    @Test("it shrinks within a few calls, down to one event")
    func shrinking() {
        let cheap: [(Int, Int64)] = Array(repeating: (64, 640), count: 5)
        #expect(pace(4, cheap) == 400)
        // Ten times as dear: forty fit.
        #expect((40...80).contains(pace(4, cheap + Array(repeating: (64, 6400), count: 4))))
        #expect(pace(4, cheap + Array(repeating: (64, 6400), count: 40)) == 40)
        #expect(pace(4, [(16, 1_000_000)]) == 1)
        #expect(pace(4, [(16, .max)]) == 1)
    }

    @Test("one call that was interrupted is soon forgotten")
    func recovery() {
        let cheap: [(Int, Int64)] = Array(repeating: (64, 640), count: 6)
        #expect(pace(4, cheap + [(64, 19_200)]) < 60)
        #expect(pace(4, cheap + [(64, 19_200)] + cheap + cheap) > 300)
    }

    @Test("without a limit, and without a measure, nothing changes")
    func none() {
        #expect(pace(0, [(512, 1_000_000)]) == 512)
        #expect(pace(4, [(16, 0), (0, 5)]) == 16)
    }
}
