internal import Events
internal import Redis

/// Connecting, and what is told to whom when a connection comes or goes.
extension ThoonkCore {
    /// Starts to connect, once. What the link calls runs on the loop's thread, which is this actor's.
    func connect() throws(ThoonkError) {
        guard link == nil, state == .new else { return }
        guard let loop = EventLoop.current else { throw .isClosed }
        let link = ThoonkLink(
            on: loop, to: address, name: options.name, logger: options.logger,
            onConnectTimeout: { [weak self] in self?.assumeIsolated { $0.connectTimeoutExpired() } },
            onPoll: { [weak self] in self?.assumeIsolated { $0.pollUnwatchedLists() } })
        link.connection.onReady = { [weak self] in self?.assumeIsolated { $0.connectionReady() } }
        link.connection.onLost = { [weak self] _ in self?.assumeIsolated { $0.connectionLost() } }
        link.watcher.onChange = { [weak self] key in self?.assumeIsolated { $0.keyChanged(key) } }
        link.watcher.onReset = { [weak self] in self?.assumeIsolated { $0.keysAreUnknown() } }
        self.link = link
        state = .away
        link.connection.start()
    }

    /// Releases everything that belongs to the loop.
    func disconnect() {
        link?.stop()
        link = nil
    }

    private func connectionReady() {
        guard let link else { return }
        link.watcher.connectionReady()
        FunctionLibrary.thoonk.ensureLoaded(on: link.connection) { [weak self] result in
            self?.assumeIsolated { $0.loaded(result) }
        }
    }

    /// A library that cannot be loaded is told to each verb that needs it.
    private func loaded(_ result: Result<Void, RedisError>) {
        if case .failure(let error) = result, error.code == .disconnected || error.code == .timeout { return }
        if state == .away { state = .ready }
        for task in parked.removeAll() { task.resume(returning: nil) }
        for queue in waitQueues.values { apply(.connected, to: queue) }
    }

    private func connectionLost() {
        link?.watcher.connectionLost()
        if state == .ready { state = .away }
        for queue in waitQueues.values { apply(.lost, to: queue) }
    }
}
