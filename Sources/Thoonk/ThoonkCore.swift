internal import Events
internal import Redis

/// The actor behind a ``ThoonkClient``. It runs on the thread of its event loop, which owns its connections, timers and
/// waiting tasks.
actor ThoonkCore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let options: ThoonkOptions
    let address: RedisAddress
    var state = LinkState.new
    var link: ThoonkLink?
    /// Verbs that wait for a connection.
    var parked = ParkedTasks()
    /// Blocking gets, by the list that they wait for.
    var waitQueues: [WaitQueueKey: WaitQueue] = [:]
    /// The topics of each subscriber, and the streams by subscriber id.
    var subscriptions = Subscriptions()
    var streams: [UInt64: EventSubscription] = [:]
    /// How many commands are under way that may hold items; ``close()`` waits for them.
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
    /// In milliseconds, rounded up so that a wait is never too short; from 0 to a hundred years.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let bounded = min(max(seconds, 0), 3_155_760_000)
        guard seconds == bounded, attoseconds >= 0 else { return bounded * 1000 }
        return bounded * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
