internal import CEvent

/// Watches one file descriptor: calls its action when the descriptor can be read or written.
///
/// Level-triggered and persistent: the action is called in every turn in which the descriptor is ready, until
/// ``cancel()``. The descriptor is not owned: its owner closes it after ``cancel()``. The action runs on the loop's
/// thread; it may release this object.
public final class FileEvent {
    /// What a descriptor is ready for, or watched for.
    public struct Readiness: OptionSet, Sendable {
        public let rawValue: Int16
        public init(rawValue: Int16) { self.rawValue = rawValue }

        public static let read = Readiness(rawValue: Int16(EV_READ))
        public static let write = Readiness(rawValue: Int16(EV_WRITE))
    }

    private let loop: EventLoop
    private let descriptor: Int32
    private var action: ((Readiness) -> Void)?
    /// Owned here: `event_new` in `init`, `event_free` in `deinit`.
    private let event: UnsafeMutablePointer<event>
    private var watched: Readiness = []

    /// Creates the event. The descriptor is not watched before ``watch(_:)``.
    public init(on loop: EventLoop, descriptor: Int32, action: @escaping (Readiness) -> Void) {
        self.loop = loop
        self.descriptor = descriptor
        self.action = action
        guard let event = event_new(loop.base, descriptor, 0, nil, nil) else { preconditionFailure("out of memory") }
        self.event = event
    }

    deinit {
        event_free(event)
    }

    /// Sets what to watch for; an empty set is ``cancel()``. Makes no system call when nothing changes.
    public func watch(_ readiness: Readiness) {
        guard readiness != watched else { return }
        if !watched.isEmpty { event_del(event) }
        watched = readiness
        guard !readiness.isEmpty else { return }
        event_assign(
            event, loop.base, descriptor, readiness.rawValue | Int16(EV_PERSIST), FileEvent.ready,
            Unmanaged.passUnretained(self).toOpaque())
        event_add(event, nil)
    }

    /// Stops watching.
    public func cancel() {
        watch([])
    }

    private static let ready: event_callback_fn = { _, what, context in
        guard let context else { return }
        let owner = Unmanaged<FileEvent>.fromOpaque(context).takeUnretainedValue()
        withExtendedLifetime(owner) { owner.action?(Readiness(rawValue: what)) }
    }
}

/// Handles a signal of the system with a callback on the loop's thread.
///
/// When it is released, the previous handling of the signal is restored.
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

/// Defers an action to the end of the loop's current turn: when several callbacks schedule it, it runs once.
///
/// It runs after the callback that scheduled it, in the same turn, on the loop's thread. Releasing it cancels it.
public final class Deferral {
    private let loop: EventLoop
    private var action: (() -> Void)?
    /// Owned here: `event_new` in `init`, `event_free` in `deinit`. Nil on a driven loop.
    private var event: UnsafeMutablePointer<event>?

    public init(on loop: EventLoop, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        guard loop.driver == nil else { return }
        event = event_new(loop.base, -1, 0, Deferral.due, Unmanaged.passUnretained(self).toOpaque())
        precondition(event != nil, "out of memory")
    }

    deinit {
        if let event { event_free(event) } else { loop.driver?.timers.remove(ObjectIdentifier(self)) }
    }

    /// Schedules the action. Does nothing when it is scheduled already.
    public func schedule() {
        guard let event else {
            loop.driver?.timers.add(ObjectIdentifier(self)) { [unowned self] in self.action?() }
            return
        }
        event_active(event, Int32(EV_TIMEOUT), 0)
    }

    private static let due: event_callback_fn = { _, _, context in
        guard let context else { return }
        Unmanaged<Deferral>.fromOpaque(context).takeUnretainedValue().action?()
    }
}
