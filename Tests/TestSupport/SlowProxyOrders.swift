import Synchronization

/// What the test has asked a ``SlowProxy`` for, until its thread takes it.
final class SlowProxyOrders: Sendable {
    struct State {
        var line = SlowProxy.Line()
        var end: SlowProxy.End?
        var cutAfter: Int?
        var accepted = 0
        var deaf = 0
        var isOver = false
    }

    let state = Mutex(State())
}
