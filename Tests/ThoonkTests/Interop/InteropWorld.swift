import Foundation
import TestSupport
import Testing
import Thoonk

/// A server of the test's own, a Swift client on it, and the unmodified thoonk.py beside it.
struct InteropWorld {
    let python: PythonThoonk
    private let world: ThoonkWorld

    var server: RedisServer { world.server }
    var client: ThoonkClient { world.client }

    /// - Throws: cancels the test, loudly, where pip has no index to install thoonk.py from; never in CI.
    init(options: ThoonkOptions = ThoonkOptions()) throws {
        world = try ThoonkWorld(options: options)
        do {
            python = try PythonThoonk(beside: world.server)
        } catch is PythonEnvironment.IndexUnreachable {
            guard ProcessInfo.processInfo.environment["CI"] == nil else { throw TestSupportError("pip has no index") }
            try Test.cancel("NOT TESTED: pip cannot reach its index to install \(PythonThoonk.requirement)")
        }
    }

    /// A listener of thoonk.py that hears what follows on these channels. Their feeds must be there.
    func listener(_ channels: [String], configurationOf feeds: [String] = []) throws -> PythonThoonkClient {
        let listener = try python.client()
        try listener.listen(configurationOf: feeds)
        // It calls itself ready when it has asked for its subscriptions.
        for channel in channels {
            try eventually("thoonk.py hears \(channel)") {
                try !server.cli("PUBSUB", "NUMSUB", channel).hasSuffix("\n0")
            }
        }
        return listener
    }

    /// All keys, in order.
    func keys() throws -> [String] {
        try world.keys()
    }
}

extension ParsedJSON {
    /// The texts in an array; a number as its digits.
    var strings: [String] {
        (array ?? []).map { $0.string ?? $0.integer.map(String.init) ?? "null" }
    }
}

/// Runs what blocks on a thread of its own: the pool's are few, and the other side needs them.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Everything that a stream tells before the first event of the feed `end`.
func gather(_ events: FeedEvents, until end: String) async -> [FeedEvent] {
    var gathered: [FeedEvent] = []
    for await event in events {
        if event.feed == end { break }
        gathered.append(event)
    }
    return gathered
}
