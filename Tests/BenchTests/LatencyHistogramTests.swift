import TestSupport
import Testing

@testable import Bench

@Suite("Latencies of a measurement")
struct LatencyHistogramTests {
    @Test("percentiles are those of the sorted values, to within a hundredth")
    func percentiles() {
        var random = SplitMix64()
        var histogram = LatencyHistogram()
        var values: [Int64] = []
        for _ in 0..<20_000 {
            let value = Int64.random(in: 0...(1 << Int64.random(in: 1...30, using: &random)), using: &random)
            values.append(value)
            histogram.record(microseconds: value)
        }
        values.sort()
        for percent in [1.0, 50, 90, 99, 99.9, 100] {
            let exact = values[Int((percent / 100 * 20_000).rounded(.up)) - 1]
            let found = histogram.percentile(percent)
            #expect(found >= exact && Double(found) <= Double(exact) * 1.01 + 1, "seed \(random.seed), \(percent) %")
        }
        #expect(histogram.worst == values.last && histogram.count == 20_000)
    }

    @Test("what was measured in two processes adds up")
    func merge() {
        var one = LatencyHistogram()
        var two = LatencyHistogram()
        for value in 0..<1000 { one.record(microseconds: Int64(value)) }
        for value in 1000..<2000 { two.record(microseconds: Int64(value) * 1000) }
        var both = one
        both.merge(LatencyHistogram(sparse: two.sparse, worst: two.worst))
        #expect(both.count == 2000 && both.worst == 1_999_000 && both.percentile(50) <= 1008)
    }

    @Test("a tally survives the way to another process")
    func tally() {
        var tally = ReaderTally()
        (tally.answers, tally.events, tally.repeated, tally.lost, tally.behind, tally.failures) = (1, 2, 3, 4, 5, 6)
        tally.lastTime = 1 << 50
        tally.latency.record(microseconds: 123_456)
        #expect(ReaderTally(tally.json) == tally)
        var double = tally
        double.merge(tally)
        #expect(double.events == 4 && double.lost == 8 && double.latency.count == 2)
    }
}
