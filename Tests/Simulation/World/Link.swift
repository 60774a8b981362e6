import DequeModule
import Redis

/// One connection of a process to the server, with what is under way on it.
///
/// The process's commands wait in `requests` until a step has the server execute the oldest; what the server answers
/// waits in `replies` until a step delivers the oldest. When the process closes the connection, or dies, requests that it
/// has sent may still arrive at the server: the link then goes on without it, as an orphan.
final class Link {
    enum State {
        /// The process has not asked for a connection.
        case idle
        case connecting
        case open(ServerSocket)
        case closed
    }

    /// Its name in steps: `w0/calls`, `w0/pushes`, and with `~3` behind it once it is an orphan.
    var name: String
    let process: String
    /// Whether messages of subscriptions arrive on it.
    let isForPushes: Bool
    var state = State.idle
    /// The process's end; nil for an orphan.
    weak var transport: SimulatedTransport?
    /// What the process sent in this turn: it is lost when the process dies before the end of the turn.
    var outbox: [RedisCommand] = []
    private(set) var requests: Deque<RedisCommand> = []
    private(set) var replies: Deque<RedisValue> = []
    private(set) var isOrphan = false

    init(_ name: String, of process: String, isForPushes: Bool) {
        self.name = name
        self.process = process
        self.isForPushes = isForPushes
    }

    var isConnecting: Bool { if case .connecting = state { true } else { false } }
    var socket: ServerSocket? { if case .open(let socket) = state { socket } else { nil } }
    var isClosed: Bool { if case .closed = state { true } else { false } }
    /// The server has closed the connection; what it had written before can still be delivered.
    var isBroken: Bool { socket?.isClosed ?? false }
    var canExecute: Bool { !requests.isEmpty && socket?.isClosed == false }
    /// A reply or a push waits, or the end of the connection.
    var canDeliver: Bool { !isOrphan && (!replies.isEmpty || isBroken) }

    // MARK: The process's end

    /// The turn of the process has ended: what it sent is on its way.
    func flush() {
        requests.append(contentsOf: outbox)
        outbox = []
    }

    /// The process closes its end. Requests that are on their way may still be executed.
    func abandon() {
        transport = nil
        outbox = []
        replies = []
        isOrphan = true
        if requests.isEmpty || !canExecute { close() }
    }

    // MARK: Steps

    /// Connects to the server and tells the process.
    func open(_ socket: ServerSocket) {
        state = .open(socket)
        transport?.connected()
    }

    /// Has the server execute the oldest request, and queues what it replies.
    ///
    /// - Returns: the request and its reply; nil when there is no request, or the server closed the connection.
    func execute() -> (request: RedisCommand, reply: RedisValue)? {
        guard let socket, !socket.isClosed, let request = requests.popFirst() else { return nil }
        socket.send(request)
        let isSubscription = isForPushes && request.isSubscription
        while let value = socket.receive() {
            keep(value)
            // Messages may come before it. Without the right to subscribe an error takes the place of the confirmation.
            if isForPushes, value.isMessage { continue }
            if isSubscription, !value.isConfirmation, !value.isError { continue }
            transport?.moved()
            if isOrphan, requests.isEmpty { close() }
            return (request, value)
        }
        return nil
    }

    /// Queues the pushes that have arrived.
    func collect() {
        guard isForPushes, let socket else { return }
        for value in socket.drain() { keep(value) }
    }

    /// Delivers the oldest reply or push to the process; after the last one, the end of the connection.
    func deliver() {
        if let value = replies.popFirst() {
            transport?.receive(value)
        } else if isBroken {
            cut("Server closed the connection")
        }
    }

    /// The connection ends: all that is under way is lost, and the process is told.
    func cut(_ reason: String) {
        let end = transport
        close()
        end?.end(reason)
    }

    /// Ends it without telling the process.
    func close() {
        state = .closed
        requests = []
        replies = []
        outbox = []
    }

    private func keep(_ value: RedisValue) {
        if !isOrphan { replies.append(value) }
    }
}

extension RedisCommand {
    /// Its words.
    var words: [String] {
        var reader = RESPReader()
        reader.feed(encoded)
        return (reader.next()?.array ?? []).map { $0.text ?? "?" }
    }

    /// Its first word: what stands in the third line.
    var name: String {
        let lines = encoded.prefix(64).split(separator: 0x0D, maxSplits: 3, omittingEmptySubsequences: false)
        return lines.count > 2 ? String(decoding: lines[2].dropFirst(), as: UTF8.self) : ""
    }

    fileprivate var isSubscription: Bool {
        name.hasSuffix("SUBSCRIBE")
    }
}

extension RedisValue {
    private var kind: String? {
        guard case .array(let parts) = self, parts.count >= 3 else { return nil }
        return parts[0].text
    }

    fileprivate var isConfirmation: Bool { kind?.hasSuffix("subscribe") ?? false }
    fileprivate var isError: Bool { if case .error = self { true } else { false } }
    fileprivate var isMessage: Bool { kind?.hasSuffix("message") ?? false }
}
