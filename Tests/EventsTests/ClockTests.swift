import Events
import TestSupport
import Testing

@Suite("the clocks")
struct ClockTests {
    @Test("boot time is that of the system, which goes on while the machine sleeps")
    func boottime() throws {
        let monotonic = Clock.monotonicMilliseconds()
        let before = Clock.boottimeMilliseconds()
        let answer = try ChildProcess.run(
            "python3", ["-c", "import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000000)"])
        let system = try #require(Int64(answer.output.filter(\.isNumber)))
        #expect((before...Clock.boottimeMilliseconds()).contains(system))
        #expect(before >= monotonic)
    }
}
