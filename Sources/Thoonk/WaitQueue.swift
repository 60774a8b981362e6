internal import Events
internal import Redis

/// The waiting gets of one list, with what they wait by. Lives on the client's loop.
final class WaitQueue {
    typealias Continuation = CheckedContinuation<Result<[TakenItem], ThoonkError>, Never>

    /// Someone who waits, and the timer of his time-out.
    struct Waiter {
        let continuation: Continuation
        let timer: Timer?
    }

    /// As the first one asked: kind and feed are those of all.
    let request: GetRequest
    /// The list that they wait for.
    let key: String
    var gets: BlockingGets
    var waiters: [UInt64: Waiter] = [:]
    /// Fires when ``BlockingGets`` asked for it.
    let alarm: Timer

    init(_ request: GetRequest, isConnected: Bool, on loop: EventLoop, alarm: @escaping () -> Void) {
        self.request = request
        key = "feed.ids:\(request.feed)"
        gets = BlockingGets(losesItems: request.kind == .queue, isConnected: isConnected)
        self.alarm = Timer(on: loop, action: alarm)
    }
}
