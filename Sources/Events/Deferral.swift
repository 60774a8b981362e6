internal import CEvent

/// Something to do once at the end of the loop's current turn: what several callbacks ask for is done one time.
///
/// Runs after the callback that asked for it, in the same turn, on the loop's thread. Released, it is cancelled.
public final class Deferral {
    private let loop: EventLoop
    private var action: (() -> Void)?
    /// Owned here: `event_new` in `init`, `event_free` in `deinit`.
    private var event: UnsafeMutablePointer<event>?

    public init(on loop: EventLoop, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        event = event_new(loop.base, -1, 0, Deferral.due, Unmanaged.passUnretained(self).toOpaque())
        precondition(event != nil, "out of memory")
    }

    deinit {
        event_free(event)
    }

    /// Asks for the action. Asking again before it has run changes nothing.
    public func schedule() {
        event_active(event, Int32(EV_TIMEOUT), 0)
    }

    private static let due: event_callback_fn = { _, _, context in
        guard let context else { return }
        Unmanaged<Deferral>.fromOpaque(context).takeUnretainedValue().action?()
    }
}
