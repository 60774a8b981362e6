internal import Events
internal import Redis

/// Gets, blocking and not. ``BlockingGets`` decides; this extension performs its actions.
///
/// A taken item is never dropped. If its get has been cancelled, the item goes to the next waiting get or back to the
/// head of the list, in order and without counting a cancel. If the connection breaks before that, the client puts the
/// item back after reconnecting. If the client is released first, a job waits again when its claim expires, and an item
/// of a queue is lost.
extension ThoonkCore {
    func take(_ request: GetRequest) async throws -> [TakenItem] {
        guard request.limit > 0 else { return [] }
        let items: [TakenItem]
        if let timeout = request.timeout, timeout <= .zero {
            holdingItems += 1
            defer { holdingItems -= 1 }
            items = request.parse(try await call(request.command(count: request.limit, claim: request.claim))).items
        } else {
            items = try await wait(request)
        }
        guard Task.isCancelled else { return items }
        putBack(items, of: request)
        throw CancellationError()
    }

    private func wait(_ request: GetRequest) async throws -> [TakenItem] {
        guard state != .closing, state != .closed else { throw ThoonkError.isClosed }
        try connect()
        guard let link else { throw ThoonkError.isClosed }
        try Task.checkCancellation()
        link.startSubscriber()
        if !link.pollTimer.isScheduled { link.pollTimer.schedule(every: options.pollInterval) }
        let queue = waitQueue(for: request, on: link)
        let key = WaitQueueKey(request)
        let id = nextID()
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var timer: Timer?
                if let timeout = request.timeout {
                    timer = Timer(on: link.loop) { [weak self] in
                        self?.assumeIsolated { $0.leave(key, id, isTimeout: true) }
                    }
                    timer?.schedule(after: timeout.wholeMilliseconds)
                }
                queue.waiters[id] = WaitQueue.Waiter(continuation: continuation, timer: timer)
                apply(.joined(BlockingGets.PendingGet(id: id, limit: request.limit, claim: request.claim)), to: queue)
            }
        } onCancel: {
            Task { await self.leave(key, id, isTimeout: false) }
        }.get()
    }

    private func waitQueue(for request: GetRequest, on link: ThoonkLink) -> WaitQueue {
        let key = WaitQueueKey(request)
        if let queue = waitQueues[key] { return queue }
        let queue = WaitQueue(
            request, isConnected: state == .ready, pollInterval: options.pollInterval, on: link.loop
        ) { [weak self] in
            self?.assumeIsolated { core in
                if let queue = core.waitQueues[key] { core.apply(.due, to: queue) }
            }
        }
        waitQueues[key] = queue
        return queue
    }

    /// Ends a waiting get that timed out or whose task was cancelled.
    private func leave(_ key: WaitQueueKey, _ id: UInt64, isTimeout: Bool) {
        guard let queue = waitQueues[key], let waiter = queue.waiters.removeValue(forKey: id) else { return }
        // Without a connection the list was not read: an empty answer would claim that it was.
        let isBlind = isTimeout && queue.gets.phase == .away
        waiter.continuation.resume(returning: isBlind ? .failure(unreachable()) : .success([]))
        apply(.left(id), to: queue)
    }

    func keyChanged(_ key: String) {
        for queue in waitQueues.values where queue.key == key { apply(.changed, to: queue) }
    }

    func keysAreUnknown() {
        for queue in waitQueues.values { apply(.changed, to: queue) }
    }

    /// Reads the lists whose changes the server does not report.
    func pollUnwatchedLists() {
        guard let link else { return }
        guard !waitQueues.isEmpty else { return link.pollTimer.cancel() }
        guard !link.watcher.isWatching else { return }
        link.watcher.retry()
        for queue in waitQueues.values { apply(.due, to: queue) }
    }

    /// Passes an event to a queue and performs the resulting actions.
    func apply(_ event: BlockingGets.Event, to queue: WaitQueue, items: [TakenItem] = [], error: ThoonkError? = nil) {
        for action in queue.gets.handle(event) {
            switch action {
            case .fetch(let count, let claim): fetch(count, claim, for: queue, mayLoad: true)
            case .readLength: readLength(for: queue)
            case .deliver(let id, let range):
                queue.waiters.removeValue(forKey: id)?.finish(.success(Array(items[range])))
            case .putBack(let range): putBack(Array(items[range]), of: queue.request)
            case .fail(let id, let failure):
                let error: ThoonkError =
                    switch failure {
                    case .uncertain:
                        ThoonkError(.uncertain, "the connection broke with an item perhaps on its way; it is lost then")
                    case .closed: .isClosed
                    case .refused: error ?? .isClosed
                    }
                queue.waiters.removeValue(forKey: id)?.finish(.failure(error))
            case .wake(after: let pause):
                if let pause { queue.alarm.schedule(after: max(1, pause)) } else { queue.alarm.cancel() }
            }
        }
        let key = WaitQueueKey(queue.request)
        if queue.gets.isOver, waitQueues[key] === queue { waitQueues[key] = nil }
    }

    private func fetch(_ count: Int, _ claim: Int64?, for queue: WaitQueue, mayLoad: Bool) {
        guard let link else { return }
        holdingItems += 1
        link.connection.send(queue.request.command(count: count, claim: claim)) { result in
            self.holdingItems -= 1
            self.fetched(result, count, claim, for: queue, mayLoad: mayLoad)
        }
    }

    private func fetched(
        _ result: Result<RedisValue, RedisError>, _ count: Int, _ claim: Int64?, for queue: WaitQueue, mayLoad: Bool
    ) {
        switch result {
        case .success(let reply):
            let (items, wait) = queue.request.parse(reply)
            apply(.fetched(count: items.count, wait: wait), to: queue, items: items)
        case .failure(let error) where error.isUnanswered:
            apply(.fetchLost, to: queue)
        case .failure(let error) where error.code == .functionMissing && mayLoad:
            guard let link else { return apply(.fetchLost, to: queue) }
            FunctionLibrary.thoonk.ensureLoaded(on: link.connection) { _ in
                self.fetch(count, claim, for: queue, mayLoad: false)
            }
        case .failure(let error): apply(.fetchRefused, to: queue, error: ThoonkError(error))
        }
    }

    private func readLength(for queue: WaitQueue) {
        guard let link else { return }
        link.watcher.read(RedisCommand("LLEN", queue.key)) { result in
            switch result {
            case .success(let length):
                let isWatched = self.link?.watcher.isWatching ?? false
                self.apply(.lengthRead(length.integer ?? 0, isWatched: isWatched), to: queue)
            case .failure: self.apply(.lengthReadFailed, to: queue)
            }
        }
    }

    /// Returns unwanted items to the list. Retries until that succeeds or the client is closed.
    private func putBack(_ items: [TakenItem], of request: GetRequest) {
        guard !items.isEmpty else { return }
        holdingItems += 1
        Task {
            defer { holdingItems -= 1 }
            let command = request.undo(items)
            while state != .closed {
                if state == .ready || state == .closing {
                    switch await send(command) {
                    case .success: return
                    // It may have been done. Repeating it is safe: an id that waits already is skipped.
                    case .failure(let error) where error.isTransient: break
                    case .failure: return
                    }
                }
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Returns when no command holds items any more, after `connectTimeout` at the latest.
    func itemsAreSafe() async {
        let deadline = Clock.monotonicMilliseconds() + options.connectTimeout.wholeMilliseconds
        while holdingItems > 0, link != nil, Clock.monotonicMilliseconds() < deadline {
            try? await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension WaitQueue.Waiter {
    func finish(_ result: Result<[TakenItem], ThoonkError>) {
        timer?.cancel()
        continuation.resume(returning: result)
    }
}
