import Glibc

/// The two clocks of the system.
public enum Clock {
    /// Milliseconds of the monotonic clock: for durations and deadlines. Its zero means nothing.
    public static func monotonicMilliseconds() -> Int64 {
        monotonicNanoseconds() / 1_000_000
    }

    /// Nanoseconds of the monotonic clock.
    public static func monotonicNanoseconds() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Int64(value.tv_sec) * 1_000_000_000 + Int64(value.tv_nsec)
    }

    /// Milliseconds of the monotonic clock as of the kernel's last tick, up to 10 ms old: for deadlines of seconds that are
    /// set often. A few nanoseconds.
    public static func coarseMilliseconds() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }

    /// Whole seconds since 1970 (UTC), up to 10 ms late: as cheap.
    public static func unixSeconds() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &value)
        return Int64(value.tv_sec)
    }

    /// Milliseconds since 1970 (UTC): for time stamps in data.
    public static func unixMilliseconds() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_REALTIME, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }
}
