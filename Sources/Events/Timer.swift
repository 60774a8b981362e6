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
    /// Owned here: `event_new` in `init`, `event_free` in `deinit`, which also removes it from the loop. Nil on a driven
    /// loop.
    private var event: UnsafeMutablePointer<event>?
    /// On a driven loop: where the timer stands while it is scheduled.
    private var place: ManualTimers.Place?
    private var interval: Int64?

    public init(on loop: EventLoop, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        guard loop.driver == nil else { return }
        event = event_new(loop.base, -1, 0, Timer.fired, Unmanaged.passUnretained(self).toOpaque())
        precondition(event != nil, "out of memory")
    }

    deinit {
        if let event { event_free(event) } else { unschedule() }
    }

    /// Whether the timer is scheduled.
    public var isScheduled: Bool {
        guard let event else { return place != nil }
        return event_pending(event, Int16(EV_TIMEOUT), nil) != 0
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
        if let event { event_del(event) } else { unschedule() }
    }

    private func add(_ milliseconds: Int64) {
        let bounded = max(0, milliseconds)
        guard let event else {
            unschedule()
            place = loop.driver?.timers.add(self, after: bounded)
            return
        }
        var delay = timeval(tv_sec: Int(bounded / 1000), tv_usec: Int(bounded % 1000) * 1000)
        event_add(event, &delay)
    }

    private static let fired: event_callback_fn = { _, _, context in
        guard let context else { return }
        Unmanaged<Timer>.fromOpaque(context).takeUnretainedValue().fire()
    }

    /// Fires on a driven loop, which has taken it out already.
    func fireManually() {
        place = nil
        fire()
    }

    private func unschedule() {
        if let place { loop.driver?.timers.remove(place) }
        place = nil
    }

    private func fire() {
        action?()
        if let interval, !isScheduled { add(interval) }
    }
}
