import Glibc

/// The lower bound that an edge is compared with: a bare epoll loop that holds long polls and streams and sends each
/// the new events. It has no limits, no deadlines, no Redis, and parses only what it needs: it trusts its clients, and
/// listens on loopback only.
///
///     GET /v1/channels/NAME?offset=N[&live=long-poll|sse]     POST /publish/NAME
package final class BareServer {
    private struct Connection {
        var channel = 0
        /// How many events it has received.
        var place = 0
        var isHeld = false
        var isStream = false
        var closes = false
        /// The part of the last response that is not sent yet.
        var rest: [UInt8] = []
        /// The beginning of an incomplete request.
        var input: [UInt8] = []
    }

    package let port: UInt16
    private let listener: Int32
    private let epoll: EpollHandle
    /// The connections, indexed by descriptor.
    private var connections: [Connection?] = []
    private var channels: [BareChannel] = []
    private var names: [String: Int] = [:]
    /// The channels that have new events.
    private var changed: Set<Int> = []
    private var inbox = [UInt8](repeating: 0, count: 256 * 1024)
    private var head: [UInt8] = []

    /// Listens on a port of 127.0.0.1 that the system chooses.
    package init() throws(LoadError) {
        (listener, port) = try LoopbackSocket.listen()
        epoll = try EpollHandle()
        epoll.add(listener, token: Int(listener))
    }

    /// Serves until the process is killed.
    package func run() {
        while true {
            epoll.wait(milliseconds: -1) { token, isReadable, isWritable in
                let descriptor = Int32(token)
                if descriptor == self.listener { return self.accept() }
                if isWritable { self.flush(descriptor) }
                if isReadable { self.receive(descriptor) }
            }
            let channels = changed
            changed.removeAll(keepingCapacity: true)
            for channel in channels { deliver(channel) }
        }
    }

    private func accept() {
        for _ in 0..<256 {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            // As any server does that may start programs.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let index = Int(descriptor)
            if index >= connections.count {
                connections.append(contentsOf: repeatElement(nil, count: index + 1 - connections.count + 1024))
            }
            connections[index] = Connection()
            epoll.add(descriptor, token: index)
        }
    }

    private func drop(_ descriptor: Int32) {
        connections[Int(descriptor)] = nil
        close(descriptor)
    }

    private func receive(_ descriptor: Int32) {
        let count = recv(descriptor, &inbox, inbox.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0, connections[Int(descriptor)] != nil else { return drop(descriptor) }
        if connections[Int(descriptor)]?.input.isEmpty == true {
            let used = inbox.withUnsafeBytes { take(UnsafeRawBufferPointer(rebasing: $0[..<count]), descriptor) }
            if used < count { connections[Int(descriptor)]?.input = Array(inbox[used..<count]) }
        } else {
            var input = connections[Int(descriptor)]?.input ?? []
            input.append(contentsOf: inbox[..<count])
            let used = input.withUnsafeBytes { take($0, descriptor) }
            connections[Int(descriptor)]?.input = Array(input[used...])
        }
    }

    /// Handles the complete requests. Returns how many bytes they had.
    private func take(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32) -> Int {
        var used = 0
        while used < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            guard let head = ResponseScanner.endOfHead(rest) else { break }
            guard rest[0] == UInt8(ascii: "P") else {
                read(rest, head, descriptor)
                used += head
                continue
            }
            guard let length = bodyLength(rest, head), rest.count >= head + length else { break }
            publish(rest, head, length, descriptor)
            used += head + length
        }
        return used
    }

    private func bodyLength(_ bytes: UnsafeRawBufferPointer, _ head: Int) -> Int? {
        let text = String(decoding: bytes[..<head], as: UTF8.self)
        guard let field = text.firstRange(of: "Content-Length: ") else { return 0 }
        return Int(text[field.upperBound...].prefix { $0.isNumber })
    }

    /// The index of the channel whose name begins at `start` and ends with the path. Created when it is new.
    private func channel(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start
        while bytes[end] != UInt8(ascii: "?"), bytes[end] != UInt8(ascii: " ") { end += 1 }
        let name = String(decoding: bytes[start..<end], as: UTF8.self)
        if let known = names[name] { return known }
        channels.append(BareChannel())
        names[name] = channels.count - 1
        return channels.count - 1
    }

    private func publish(_ bytes: UnsafeRawBufferPointer, _ head: Int, _ length: Int, _ descriptor: Int32) {
        let channel = channel(bytes, from: "POST /publish/".utf8.count)
        channels[channel].append(bytes[head..<head + length])
        changed.insert(channel)
        write(descriptor, Array("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n".utf8), 0..<0, of: channel)
    }

    private func read(_ bytes: UnsafeRawBufferPointer, _ head: Int, _ descriptor: Int32) {
        let index = Int(descriptor)
        let number = channel(bytes, from: "GET /v1/channels/".utf8.count)
        // `?offset=N` follows the name; -1, or no offset, is the beginning.
        var place = 0
        var at = 0
        while bytes[at] != UInt8(ascii: "="), bytes[at] != 13 { at += 1 }
        at += 1
        while at < head, bytes[at] &- 48 < 10 {
            place = place * 10 + Int(bytes[at] &- 48)
            at += 1
        }
        if bytes[at] == UInt8(ascii: "-") { at += 2 }
        let live = ResponseScanner.begins(UnsafeRawBufferPointer(rebasing: bytes[at...]), "&live=l")
        let isStream = ResponseScanner.begins(UnsafeRawBufferPointer(rebasing: bytes[at...]), "&live=s")
        connections[index]?.channel = number
        connections[index]?.place = place
        if isStream {
            connections[index]?.isStream = true
            channels[number].streams.append(descriptor)
            let start = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            write(descriptor, Array(start.utf8), 0..<0, of: number)
            if place < channels[number].count { stream(descriptor) }
        } else if live, place >= channels[number].count {
            connections[index]?.isHeld = true
            channels[number].waiting.append(descriptor)
        } else {
            if !live {
                let text = UnsafeRawBufferPointer(rebasing: bytes[..<head])
                connections[index]?.closes = String(decoding: text, as: UTF8.self).contains("Connection: close")
            }
            answer(descriptor)
        }
    }

    private func deliver(_ channel: Int) {
        let held = channels[channel].waiting
        channels[channel].waiting.removeAll(keepingCapacity: true)
        for descriptor in held where connections[Int(descriptor)]?.isHeld == true { answer(descriptor) }
        for descriptor in channels[channel].streams where connections[Int(descriptor)]?.rest.isEmpty == true {
            stream(descriptor)
        }
        channels[channel].streams.removeAll { connections[Int($0)]?.isStream != true }
    }

    private func answer(_ descriptor: Int32) {
        guard let connection = connections[Int(descriptor)] else { return }
        let next = channels[connection.channel].count
        let range = channels[connection.channel].bytes(from: connection.place)
        connections[Int(descriptor)]?.isHeld = false
        head.removeAll(keepingCapacity: true)
        head.append(contentsOf: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nStream-Next-Offset: ".utf8)
        head.append(contentsOf: String(next).utf8)
        head.append(contentsOf: "\r\nContent-Length: ".utf8)
        head.append(contentsOf: String(range.count + 2).utf8)
        head.append(contentsOf: "\r\n\r\n[".utf8)
        write(descriptor, head, range, of: connection.channel, tail: UInt8(ascii: "]"))
        if connection.closes, connections[Int(descriptor)]?.rest.isEmpty == true { drop(descriptor) }
    }

    private func stream(_ descriptor: Int32) {
        guard let connection = connections[Int(descriptor)] else { return }
        let range = channels[connection.channel].bytes(from: connection.place)
        guard !range.isEmpty else { return }
        connections[Int(descriptor)]?.place = channels[connection.channel].count
        head.removeAll(keepingCapacity: true)
        head.append(contentsOf: "id: \(channels[connection.channel].count)\ndata: [".utf8)
        write(descriptor, head, range, of: connection.channel, tail: UInt8(ascii: "]"), end: "\n\n")
    }

    /// Writes a head, a part of the channel's log and an end. Keeps the bytes that the socket does not accept.
    private func write(
        _ descriptor: Int32, _ head: [UInt8], _ range: Range<Int>, of channel: Int, tail: UInt8? = nil,
        end: StaticString = ""
    ) {
        var last: [UInt8] = tail.map { [$0] } ?? []
        end.withUTF8Buffer { last.append(contentsOf: $0) }
        let total = head.count + range.count + last.count
        let sent = head.withUnsafeBytes { head in
            channels[channel].log.withUnsafeBytes { log in
                last.withUnsafeBytes { last in
                    Self.send(descriptor, head, UnsafeRawBufferPointer(rebasing: log[range]), last)
                }
            }
        }
        guard sent >= 0 else { return drop(descriptor) }
        guard sent < total else { return }
        var rest = head + channels[channel].log[range] + last
        rest.removeFirst(sent)
        connections[Int(descriptor)]?.rest.append(contentsOf: rest)
        epoll.change(descriptor, token: Int(descriptor), writes: true)
    }

    private static func send(
        _ descriptor: Int32, _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer,
        _ last: UnsafeRawBufferPointer
    ) -> Int {
        func piece(_ bytes: UnsafeRawBufferPointer) -> iovec {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        }
        var pieces = (piece(head), piece(body), piece(last))
        return withUnsafeMutablePointer(to: &pieces) { pointer in
            pointer.withMemoryRebound(to: iovec.self, capacity: 3) {
                var message = msghdr()
                message.msg_iov = $0
                message.msg_iovlen = 3
                let count = sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count
            }
        }
    }

    private func flush(_ descriptor: Int32) {
        guard let connection = connections[Int(descriptor)], !connection.rest.isEmpty else { return }
        let sent = Glibc.send(
            descriptor, connection.rest, connection.rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        guard sent >= 0 || errno == EAGAIN || errno == EINTR else { return drop(descriptor) }
        connections[Int(descriptor)]?.rest.removeFirst(max(0, sent))
        guard connections[Int(descriptor)]?.rest.isEmpty == true else { return }
        epoll.change(descriptor, token: Int(descriptor), writes: false)
        if connection.isStream { stream(descriptor) }
        if connection.closes { drop(descriptor) }
    }
}

/// A channel of the bare loop: all its events, as the contents of one JSON array, and its readers.
struct BareChannel {
    /// The events, each followed by a comma.
    private(set) var log: [UInt8] = []
    /// The end of each event in the log, its comma included.
    private var ends: [Int] = []
    /// The connections of held long polls. Some may be closed already.
    var waiting: [Int32] = []
    /// The connections of streams.
    var streams: [Int32] = []

    var count: Int { ends.count }

    mutating func append(_ event: some Sequence<UInt8>) {
        log.append(contentsOf: event)
        log.append(UInt8(ascii: ","))
        ends.append(log.count)
    }

    /// The range of the events from a place on in the log, without the last comma.
    func bytes(from place: Int) -> Range<Int> {
        guard place < count else { return 0..<0 }
        return (place == 0 ? 0 : ends[place - 1])..<log.count - 1
    }
}
