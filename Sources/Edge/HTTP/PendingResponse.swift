/// A request that is being answered: held by its connection until the answer is given.
protocol PendingResponse: AnyObject {
    /// Whether it waits for news that may not come: what a shutdown may end early.
    var isHold: Bool { get }

    /// The client has gone, or the connection was ended. Nothing can be answered any more.
    func clientLeft()

    /// The time given to ``Connection/hold(until:)`` has come. Answer now.
    func deadlinePassed()

    /// What was written of a stream has been sent; there is room for more.
    func outputDrained()
}

extension PendingResponse {
    func outputDrained() {}
}
