import Foundation
import Glibc
import Synchronization
import TestSupport

/// A thread that publishes numbered events to some channels, two to each every moment, until it is stopped.
final class SteadyPublisher: Sendable {
    private struct State {
        var last = 0
        var failure: String?
        var isStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// Begins with number 1. The functions of the pipeline must be loaded. All events are kept.
    init(_ server: RedisServer, to channels: [String]) {
        Thread.detachNewThread { self.run(server, channels) }
    }

    /// The number of the last event that every channel has.
    var last: Int { state.withLock { $0.last } }

    /// Ends it; gives the number of the last event.
    func stop() throws -> Int {
        state.withLock { $0.isStopped = true }
        try eventually(within: 10, "publishing ends") { state.withLock { $0.hasEnded } }
        if let failure = state.withLock({ $0.failure }) { throw TestSupportError(failure) }
        return last
    }

    private func run(_ server: RedisServer, _ channels: [String]) {
        do {
            while !state.withLock({ $0.isStopped }) {
                let next = last + 1
                try server.publishOneByOne(channels, next...(next + 1), history: 100_000)
                state.withLock { $0.last = next + 1 }
                usleep(100_000)
            }
        } catch {
            state.withLock { $0.failure = "\(error)" }
        }
        state.withLock { $0.hasEnded = true }
    }
}
