internal import Events
internal import Redis

/// A ``ThoonkClient`` as the actor that it is: runs on the thread of its loop, to which its connections, timers and
/// waiting tasks belong.
actor ThoonkCore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let options: ThoonkOptions
    let address: RedisAddress
    var state = LinkState.new
    var link: ThoonkLink?
    /// Verbs that wait for a connection.
    var parked = ParkedTasks()
    /// Waiting gets, by what they wait for.
    var waitQueues: [WaitQueueKey: WaitQueue] = [:]
    /// Who follows what, and the streams by their subscriber's id.
    var subscriptions = Subscriptions()
    var streams: [UInt64: EventSubscription] = [:]
    /// Commands on their way that must not be cut off by ``close()``: they may hold items.
    var holdingItems = 0
    var lastID: UInt64 = 0
    private let thread: LoopThread

    /// - Throws: ``ThoonkError``: `invalid` for an address, `refused` by the system.
    init(redis: String, options: ThoonkOptions) throws(ThoonkError) {
        do throws(RedisError) { address = try RedisAddress(url: redis) } catch { throw ThoonkError(error) }
        do throws(EventsError) { thread = try LoopThread(name: "thoonk") } catch { throw ThoonkError(error) }
        self.options = options
    }

    isolated deinit {
        endStreams()
        disconnect()
        thread.stop()
    }

    /// See ``ThoonkClient/close()``.
    func close() async {
        guard state != .closed, state != .closing else { return }
        state = .closing
        for queue in waitQueues.values { apply(.closed, to: queue) }
        for task in parked.removeAll() { task.resume(returning: .isClosed) }
        endStreams()
        await itemsAreSafe()
        state = .closed
        disconnect()
        thread.stop()
    }
}

extension Duration {
    /// In milliseconds, rounded up: a wait is never shorter than asked for. At most a hundred years, at least 0.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let bounded = min(max(seconds, 0), 3_155_760_000)
        guard seconds == bounded, attoseconds >= 0 else { return bounded * 1000 }
        return bounded * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
