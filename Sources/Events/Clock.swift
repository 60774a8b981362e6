import Glibc
import Synchronization

/// The clocks of the system, or of a simulation.
public enum Clock {
    /// The simulated monotonic clock in nanoseconds, and the wall clock in milliseconds; 0: the system's.
    private static let simulatedMonotonic = Atomic<Int64>(0)
    private static let simulatedUnix = Atomic<Int64>(0)

    /// From now on the clocks of this process, in all its threads, stand at these times until the next call.
    package static func simulate(monotonicNanoseconds: Int64, unixMilliseconds: Int64) {
        simulatedMonotonic.store(monotonicNanoseconds, ordering: .relaxed)
        simulatedUnix.store(unixMilliseconds, ordering: .relaxed)
    }

    /// Milliseconds of the monotonic clock, for durations and deadlines of this machine's own: it stands still while the
    /// machine is suspended. Its zero has no meaning.
    public static func monotonicMilliseconds() -> Int64 {
        monotonicNanoseconds() / 1_000_000
    }

    /// Nanoseconds of the monotonic clock.
    public static func monotonicNanoseconds() -> Int64 {
        let simulated = simulatedMonotonic.load(ordering: .relaxed)
        if simulated != 0 { return simulated }
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Int64(value.tv_sec) * 1_000_000_000 + Int64(value.tv_nsec)
    }

    /// Milliseconds of a monotonic clock that goes on while the machine is suspended, as the monotonic clock does not: for
    /// what happens elsewhere meanwhile, such as the end of a lease. Its zero has no meaning.
    public static func boottimeMilliseconds() -> Int64 {
        let simulated = simulatedMonotonic.load(ordering: .relaxed)
        if simulated != 0 { return simulated / 1_000_000 }
        var value = timespec()
        clock_gettime(CLOCK_BOOTTIME, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }

    /// Milliseconds of the monotonic clock at the kernel's last tick, up to 10 ms old. Takes a few nanoseconds: for
    /// deadlines of seconds that are set often.
    public static func coarseMilliseconds() -> Int64 {
        let simulated = simulatedMonotonic.load(ordering: .relaxed)
        if simulated != 0 { return simulated / 1_000_000 }
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }

    /// Whole seconds since 1970 (UTC) at the kernel's last tick, as cheap as ``coarseMilliseconds()``.
    public static func unixSeconds() -> Int64 {
        let simulated = simulatedUnix.load(ordering: .relaxed)
        if simulated != 0 { return simulated / 1000 }
        var value = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &value)
        return Int64(value.tv_sec)
    }

    /// Milliseconds since 1970 (UTC), for timestamps in data.
    public static func unixMilliseconds() -> Int64 {
        let simulated = simulatedUnix.load(ordering: .relaxed)
        if simulated != 0 { return simulated }
        var value = timespec()
        clock_gettime(CLOCK_REALTIME, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }
}
