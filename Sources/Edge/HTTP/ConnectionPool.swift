import Events
import Glibc

/// All connections of a process, and what they share: deadlines, buffers, metrics and the handler.
final class ConnectionPool {
    private(set) var limits: EdgeLimits
    let metrics: EdgeMetrics
    unowned let handler: any RequestHandler
    /// The buffer that every connection receives into.
    var inbox = [UInt8](repeating: 0, count: 64 * 1024)
    /// The buffer that every answer's head is written into.
    var head: ResponseHead
    /// The process is shutting down: every answer is the last of its connection.
    private(set) var isDraining = false
    /// The end of every hold during shutdown.
    private(set) var endOfHolds = Int64.max
    /// The memory used for buffered input and blocked answers.
    let budget: MemoryBudget
    /// Called after a connection was closed.
    var onClosed: () -> Void = {}

    private let loop: EventLoop
    private var wheel: TimerWheel
    private var ticker: Timer?
    private var resume: Timer?
    /// Connections with pipelined requests, which continue in the next turn of the loop.
    private var postponed: [Connection] = []
    let proxies: ProxyTrust
    /// Indexed by descriptor.
    private var connections: [Connection?] = []
    /// The client that each connection is counted for, indexed by descriptor.
    private var counted: [ClientAddress?] = []
    private var addresses: AddressCounter
    private(set) var count = 0
    /// Connections of clients with too many, whose first request will be answered with 429.
    private var excess = 0
    private var generator: JitterGenerator

    /// How many expired deadlines are handled in one turn of the loop.
    private static let expiriesAtOnce = 256

    init(
        on loop: EventLoop, limits: EdgeLimits, metrics: EdgeMetrics, head: ResponseHead,
        proxies: ProxyTrust = ProxyTrust(), handler: any RequestHandler
    ) {
        self.proxies = proxies
        addresses = AddressCounter(limit: limits.connectionsPerAddress)
        self.loop = loop
        self.limits = limits
        self.metrics = metrics
        budget = MemoryBudget(limit: limits.bufferBytes)
        metrics.buffers = budget
        self.head = head
        self.handler = handler
        wheel = TimerWheel(now: Clock.monotonicMilliseconds())
        generator = JitterGenerator(seed: UInt64(truncatingIfNeeded: Clock.monotonicNanoseconds()) ^ UInt64(getpid()))
        ticker = Timer(on: loop) { [unowned self] in self.expire() }
        resume = Timer(on: loop) { [unowned self] in self.resumePostponed() }
        ticker?.schedule(every: wheel.tick)
    }

    /// Seconds since 1970, for `Date`.
    var unixSeconds: Int64 { Clock.unixSeconds() }

    /// Applies new limits to decisions from now on. No client is disconnected.
    func adopt(limits: EdgeLimits) {
        self.limits = limits
        addresses.limit = limits.connectionsPerAddress
        budget.limit = limits.bufferBytes
    }

    /// Takes ownership of a descriptor. Beyond the limits, the connection's first request is answered with an error;
    /// beyond the spare connections as well, an error is sent at once.
    ///
    /// Connections for administration take no places of readers, and no proxy speaks for their clients.
    ///
    /// - Parameter peer: nil for a unix socket.
    func adopt(_ descriptor: Int32, from peer: ClientAddress? = nil, at entrance: Entrance = .readers) {
        let isSpare = count >= limits.maxConnections && entrance == .readers
        if isSpare || isDraining { metrics.connectionsRefused += 1 }
        if isSpare { metrics.reached(.maxConnections) }
        guard count < limits.maxConnections + limits.spareConnections, !isDraining else {
            if isSpare, !isDraining { metrics.reached(.spareConnections) }
            reject(descriptor, "503 Service Unavailable")
            return
        }
        let isProxied = entrance == .readers && proxies.isProxy(peer)
        // This machine is not counted: it may be a proxy that is not configured and connects for everybody.
        let isLocal = peer?.isLoopback ?? true
        var client = isProxied || isLocal || entrance == .admin ? nil : peer
        // Where proxies are configured, it posts for itself.
        let poster = isProxied || (isLocal && proxies.ranges.isEmpty) ? nil : peer
        var exceedsAddressLimit = false
        if let address = client, !addresses.enter(address) {
            metrics.connectionsRefusedByAddress += 1
            metrics.reached(.connectionsPerAddress)
            guard excess < limits.spareConnections else {
                metrics.reached(.spareConnections)
                return reject(descriptor, "429 Too Many Requests")
            }
            exceedsAddressLimit = true
            excess += 1
            client = nil
        }
        let index = Int(descriptor)
        if index >= connections.count {
            let more = max(index + 1 - connections.count, connections.count)
            connections.append(contentsOf: repeatElement(nil, count: more))
            counted.append(contentsOf: repeatElement(nil, count: more))
        }
        counted[index] = client
        count += 1
        metrics.connections = count
        if !isSpare, !exceedsAddressLimit { metrics.connectionsAccepted += 1 }
        connections[index] = Connection(
            descriptor: descriptor, at: entrance, isSpare: isSpare, isProxied: isProxied, client: poster,
            exceedsAddressLimit: exceedsAddressLimit, pool: self, loop: loop)
    }

    /// Counts a proxied connection for its client. Returns false when that client is at its limit.
    func count(_ connection: Connection, for client: ClientAddress?) -> Bool {
        let index = Int(connection.descriptor)
        if counted[index] == client { return true }
        if let before = counted[index] { addresses.leave(before) }
        counted[index] = nil
        guard let client else { return true }
        guard addresses.enter(client) else {
            metrics.connectionsRefusedByAddress += 1
            metrics.reached(.connectionsPerAddress)
            return false
        }
        counted[index] = client
        return true
    }

    func remove(_ connection: Connection) {
        wheel.cancel(connection.descriptor)
        let index = Int(connection.descriptor)
        connections[index] = nil
        if let address = counted[index] { addresses.leave(address) }
        counted[index] = nil
        if connection.exceedsAddressLimit, !connection.isProxied { excess -= 1 }
        count -= 1
        metrics.connections = count
        onClosed()
    }

    func schedule(_ connection: Connection, at deadline: Int64) {
        wheel.schedule(connection.descriptor, at: deadline)
    }

    func schedule(_ connection: Connection, in milliseconds: Int64) {
        wheel.schedule(connection.descriptor, at: Clock.coarseMilliseconds() + milliseconds)
    }

    func unschedule(_ connection: Connection) {
        wheel.cancel(connection.descriptor)
    }

    /// Records that an answer is blocked by its reader.
    func block(_ connection: Connection, _ output: Output) {
        budget.block(
            connection.descriptor, own: output.head.count, body: output.bodyID, bodyBytes: output.body.count)
        relieve()
    }

    /// Records that an answer is no longer blocked.
    func unblock(_ connection: Connection) {
        budget.unblock(connection.descriptor)
    }

    /// Closes connections with blocked answers, the longest blocked first, until the budget suffices. Their clients can
    /// resume at the same offset.
    func relieve() {
        while let descriptor = budget.answerToCut() {
            metrics.answersCut += 1
            metrics.reached(.bufferBytes)
            connections[Int(descriptor)]?.close()
            budget.unblock(descriptor)
        }
    }

    /// Ends all connections. The held ones are spread over a time, so that their clients do not all reconnect at once.
    func drain(over milliseconds: Int64) {
        isDraining = true
        let now = Clock.monotonicMilliseconds()
        endOfHolds = now + milliseconds
        for connection in connections {
            guard let connection, connection.drain() else { continue }
            let end = now + Int64.random(in: 0...max(0, milliseconds), using: &generator)
            let deadline = wheel.deadline(of: connection.descriptor) ?? end
            wheel.schedule(connection.descriptor, at: min(deadline, end))
        }
    }

    /// Closes all connections at once.
    func closeAll() {
        for connection in connections { connection?.close() }
    }

    /// Continues a connection in the next turn of the loop.
    func postpone(_ connection: Connection) {
        postponed.append(connection)
        resume?.schedule(after: 0)
    }

    private func resumePostponed() {
        let connections = postponed
        postponed = []
        for connection in connections { connection.resumeInput() }
        expire()
    }

    private func expire() {
        let now = Clock.monotonicMilliseconds()
        for _ in 0..<Self.expiriesAtOnce {
            guard let descriptor = wheel.popExpired(now: now) else { return }
            connections[Int(descriptor)]?.deadlinePassed()
        }
        resume?.schedule(after: 0)
    }

    private func reject(_ descriptor: Int32, _ status: String) {
        let answer = """
            HTTP/1.1 \(status)\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n
            """
        _ = Socket.send(descriptor, Array(answer.utf8), [])
        shutdown(descriptor, Int32(SHUT_WR))
        close(descriptor)
    }
}

/// Random numbers for spreading load: fast, seeded, and not secure. SplitMix64 (public domain).
struct JitterGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
