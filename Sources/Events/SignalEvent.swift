internal import CEvent

/// A signal of the system, delivered as a callback on the loop's thread instead of an interruption.
///
/// Released, it restores what the signal did before.
public final class SignalEvent {
    private let loop: EventLoop
    private var action: (() -> Void)?
    /// Owned here: `event_new` in `init`, `event_free` in `deinit`.
    private var event: UnsafeMutablePointer<event>?

    public init(on loop: EventLoop, signal: Int32, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        event = event_new(
            loop.base, signal, Int16(EV_SIGNAL | EV_PERSIST), SignalEvent.raised,
            Unmanaged.passUnretained(self).toOpaque())
        precondition(event != nil, "out of memory")
        event_add(event, nil)
    }

    deinit {
        event_free(event)
    }

    private static let raised: event_callback_fn = { _, _, context in
        guard let context else { return }
        Unmanaged<SignalEvent>.fromOpaque(context).takeUnretainedValue().action?()
    }
}
