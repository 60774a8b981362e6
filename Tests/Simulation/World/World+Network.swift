import JSON
import Redis
import Store

/// Steps of the network.
extension World {
    func open(_ name: Step.LinkName) {
        guard let link = network.link(name), link.isConnecting else { return }
        guard let process = actors[link.process], process.isAwake else { return }
        do {
            let socket = try server.connect()
            process.turn { link.open(socket) }
        } catch {
            process.turn { link.cut("Connection refused") }
        }
    }

    func refuse(_ name: Step.LinkName) {
        guard let link = network.link(name), link.isConnecting else { return }
        guard let process = actors[link.process], process.isAwake else { return }
        process.turn { link.cut("Connection refused") }
    }

    func execute(_ name: Step.LinkName) {
        guard let link = network.link(name), let (request, reply) = link.execute() else { return }
        trace("  \(name): \(request.summary) -> \(reply.summary)")
        if request.mayAnnounce { collect() }
        network.tidy()
    }

    func deliver(_ name: Step.LinkName) {
        guard let link = network.link(name), link.canDeliver else { return }
        guard let process = actors[link.process], process.isAwake else { return }
        process.turn { link.deliver() }
    }

    func cut(_ name: Step.LinkName) {
        guard let link = network.link(name), link.socket != nil else { return }
        guard !link.isOrphan else { return link.close() }
        guard let process = actors[link.process], process.isAwake else { return }
        process.turn { link.cut("Connection reset by peer") }
    }

    /// Collects what the server pushed because of the last command.
    func collect() {
        (isSnapshotCurrent, hasToLook) = (false, true)
        // A barrier as well, and most steps are followed by a look at the data anyway.
        _ = snapshot()
        network.collect()
        for value in server.takeAnnouncements() {
            guard let parts = value.array, parts.count == 4, let channel = parts[2].text, let payload = parts[3].bytes,
                let (sequence, event) = ChannelFeed.parse(announcement: payload)
            else { continue }
            let name = channel.dropFirst("feed.publish:{".count).dropLast()
            observe(.announced(channel: String(name), sequence: sequence, event: number(of: Array(event)) ?? -1))
        }
    }

    /// Calls a function as an operator or a supervisor does: at once, over a connection of its own.
    @discardableResult
    func call<Answer>(_ call: FunctionCall<Answer>) -> Result<Answer, RedisError> {
        let reply = server.control.call(call.command)
        trace("  operator: \(call.command.summary)")
        collect()
        return call.answer(from: reply)
    }

    /// The number of an event, by which the simulation knows it.
    func number(of event: [UInt8]) -> Int? {
        (try? parser.parseObject(event)).flatMap(SimulatedEvent.number)
    }
}

extension RedisCommand {
    /// Whether others may hear of it: what only reads does not, and spares a round trip.
    fileprivate var mayAnnounce: Bool {
        switch name {
        case "PING", "AUTH", "LRANGE", "FCALL_RO", "CLIENT", "EXISTS", "HGETALL", "HMGET", "HGET", "GET", "INFO",
            "SELECT":
            false
        default: true
        }
    }

    /// Its first words, without what differs from run to run.
    var summary: String {
        let words = words
        let shown = words.first == "FUNCTION" ? 2 : words.first?.hasPrefix("FCALL") == true ? 9 : 5
        return words.prefix(shown).filter { !$0.hasPrefix("tidings:heartbeat:") }.joined(separator: " ")
    }
}

extension RedisValue {
    /// The reply in short.
    fileprivate var summary: String {
        switch self {
        case .null: "null"
        case .integer(let number): String(number)
        case .string(let bytes):
            bytes.starts(with: "tidings:heartbeat:".utf8)
                ? "tidings:heartbeat" : String(decoding: bytes.prefix(200), as: UTF8.self)
        case .error(let error): "error \(error.message)"
        case .array(let elements): "[" + elements.map(\.summary).joined(separator: " ") + "]"
        }
    }
}
