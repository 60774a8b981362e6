internal import DequeModule
import Synchronization

/// Passes events from the client's thread to the tasks that iterate over them.
final class EventQueue: Sendable {
    private struct State {
        var buffer: EventBuffer
        /// Tasks that wait for the next event, the first one first.
        var waiting: Deque<(id: UInt64, continuation: CheckedContinuation<FeedEvent?, Never>)> = []
        var isOver = false
        var lastID: UInt64 = 0
    }

    private let state: Mutex<State>

    init(limit: Int) {
        state = Mutex(State(buffer: EventBuffer(limit: limit)))
    }

    func offer(_ event: FeedEvent) {
        change { $0.buffer.append(event) }
    }

    func offerReconnected() {
        change { $0.buffer.appendReconnected() }
    }

    /// Ends the queue. Events in the buffer are still delivered.
    func finish() {
        change { $0.isOver = true }
    }

    /// The next event; nil at the end of the stream, or when the task is cancelled.
    func next() async -> FeedEvent? {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                change { state in
                    state.waiting.append((id, continuation))
                }
                // If the task was cancelled before this, `onCancel` found no continuation to resume.
                if Task.isCancelled { giveUp(id) }
            }
        } onCancel: {
            giveUp(id)
        }
    }

    private func giveUp(_ id: UInt64) {
        let continuation = state.withLock { state in
            state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
        }
        continuation?.resume(returning: nil)
    }

    /// Changes the state, then resumes the tasks that can go on, without holding the lock.
    private func change(_ body: (inout State) -> Void) {
        let served = state.withLock { state in
            body(&state)
            var served: [(CheckedContinuation<FeedEvent?, Never>, FeedEvent?)] = []
            while let next = state.waiting.first {
                let event = state.buffer.popFirst()
                guard event != nil || state.isOver else { break }
                state.waiting.removeFirst()
                served.append((next.continuation, event))
            }
            return served
        }
        for (continuation, event) in served { continuation.resume(returning: event) }
    }
}

/// Events between the client and a consumer, at most `limit` of them. When it is full, new events are dropped and the
/// consumer is told how many.
struct EventBuffer {
    private var events: Deque<FeedEvent> = []
    private var dropped = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = max(1, limit)
    }

    mutating func append(_ event: FeedEvent) {
        guard events.count < limit else {
            dropped += 1
            return
        }
        noteDropped()
        events.append(event)
    }

    /// Notes that the connection was lost. The note does not count towards `limit`; two in a row are one.
    mutating func appendReconnected() {
        noteDropped()
        if events.last == .missed(.reconnected) { return }
        events.append(.missed(.reconnected))
    }

    mutating func popFirst() -> FeedEvent? {
        if events.isEmpty { noteDropped() }
        return events.popFirst()
    }

    private mutating func noteDropped() {
        guard dropped > 0 else { return }
        events.append(.missed(.tooSlow(dropped: dropped)))
        dropped = 0
    }
}
