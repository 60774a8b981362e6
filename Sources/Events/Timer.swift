internal import CEvent
import Glibc

/// A timer on a loop: calls its action once after a delay, or repeatedly at an interval.
///
/// Releasing a timer cancels it. It may be scheduled again at any time, also from its own action: the new delay
/// replaces the old one. The action runs on the loop's thread. libevent reads a coarse clock, so a timer may be a few
/// milliseconds early or late.
public final class Timer {
    private let loop: EventLoop
    private var action: (() -> Void)?
    /// Owned here: `event_new` in `init`, `event_free` in `deinit`, which also removes it from the loop.
    private var event: UnsafeMutablePointer<event>?
    private var interval: Int64?

    public init(on loop: EventLoop, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        event = event_new(loop.base, -1, 0, Timer.fired, Unmanaged.passUnretained(self).toOpaque())
        precondition(event != nil, "out of memory")
    }

    deinit {
        event_free(event)
    }

    /// Whether the timer is scheduled.
    public var isScheduled: Bool {
        event_pending(event, Int16(EV_TIMEOUT), nil) != 0
    }

    /// Fires once, `milliseconds` from now.
    public func schedule(after milliseconds: Int64) {
        interval = nil
        add(milliseconds)
    }

    /// Fires every `milliseconds`, first after that time. The next interval begins when the action has returned.
    public func schedule(every milliseconds: Int64) {
        interval = max(1, milliseconds)
        add(milliseconds)
    }

    /// Cancels the timer. Does nothing when it is not scheduled.
    public func cancel() {
        interval = nil
        event_del(event)
    }

    private func add(_ milliseconds: Int64) {
        let bounded = max(0, milliseconds)
        var delay = timeval(tv_sec: Int(bounded / 1000), tv_usec: Int(bounded % 1000) * 1000)
        event_add(event, &delay)
    }

    private static let fired: event_callback_fn = { _, _, context in
        guard let context else { return }
        Unmanaged<Timer>.fromOpaque(context).takeUnretainedValue().fire()
    }

    private func fire() {
        action?()
        if let interval, !isScheduled { add(interval) }
    }
}
