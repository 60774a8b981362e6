import Events
import Glibc

/// Thousands of readers in one process: each has a connection, sends a request, checks the response, and sends the
/// next.
///
/// Every event must arrive once and in order. Each reader counts events that were lost, repeated, or missing at the
/// end.
package final class ReaderPool {
    private struct Reader {
        var descriptor: Int32
        let crowd: Int
        let channel: Int
        /// The number of the newest event that has arrived.
        var last = 0
        /// The position for the next request, see ``ReaderProtocol``.
        var place: [UInt8] = []
    }

    /// The results of each crowd.
    package private(set) var tallies: [ReaderTally]

    private let port: UInt16
    private let style: ReaderProtocol
    private let crowds: [Crowd]
    private let event: LoadEvent
    private let epoll: EpollHandle
    private var readers: [Reader] = []
    /// The beginning of an incomplete response, by reader.
    private var partial: [Int: [UInt8]] = [:]
    private var inbox = [UInt8](repeating: 0, count: 2 * 1024 * 1024)
    private var request: [UInt8] = []
    /// The number of readers that have not received all events.
    private var unfinished = 0

    /// Connects all readers and sends their first requests.
    ///
    /// - Throws: ``LoadError`` when a reader cannot connect.
    package init(port: UInt16, style: ReaderProtocol, crowds: [Crowd], event: LoadEvent) throws(LoadError) {
        self.port = port
        self.style = style
        self.crowds = crowds
        self.event = event
        tallies = crowds.map { _ in ReaderTally() }
        epoll = try EpollHandle()
        for (number, crowd) in crowds.enumerated() {
            for reader in 0..<crowd.readers {
                let descriptor = try LoopbackSocket.connect(to: port)
                readers.append(
                    Reader(descriptor: descriptor, crowd: number, channel: crowd.channel(of: reader)))
                epoll.add(descriptor, token: readers.count - 1)
                if crowd.events > 0 { unfinished += 1 }
                ask(readers.count - 1)
            }
        }
    }

    deinit {
        for reader in readers { close(reader.descriptor) }
    }

    /// Reads until every reader has received all events, or until `isOver` returns true, which is called ten times a
    /// second.
    ///
    /// - Parameter stays: continue after every reader has received all events.
    package func run(stays: Bool, until isOver: () -> Bool) {
        var nextLook = Clock.monotonicMilliseconds()
        while unfinished > 0 || stays {
            epoll.wait(milliseconds: 100) { reader, _, _ in self.receive(reader) }
            let now = Clock.monotonicMilliseconds()
            guard now >= nextLook else { continue }
            if isOver() { break }
            nextLook = now + 100
        }
        for reader in readers { tallies[reader.crowd].behind += max(0, crowds[reader.crowd].events - reader.last) }
    }

    private func ask(_ index: Int) {
        style.write(&request, channel: readers[index].channel, place: readers[index].place[...])
        let sent = send(readers[index].descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        if sent != request.count { renew(index) }
    }

    private func receive(_ index: Int) {
        let descriptor = readers[index].descriptor
        let count = recv(descriptor, &inbox, inbox.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return renew(index) }
        let now = Clock.monotonicNanoseconds()
        if var kept = partial.removeValue(forKey: index) {
            kept.append(contentsOf: inbox[..<count])
            let used = kept.withUnsafeBytes { take($0, index, now) }
            if used < kept.count { partial[index] = Array(kept[used...]) }
        } else {
            let used = inbox.withUnsafeBytes { take(UnsafeRawBufferPointer(rebasing: $0[..<count]), index, now) }
            if used < count { partial[index] = Array(inbox[used..<count]) }
        }
    }

    /// Returns how many bytes were used.
    private func take(_ bytes: UnsafeRawBufferPointer, _ index: Int, _ now: Int64) -> Int {
        style == .stream ? takeLines(bytes, index, now) : takeAnswer(bytes, index, now)
    }

    private func takeAnswer(_ bytes: UnsafeRawBufferPointer, _ index: Int, _ now: Int64) -> Int {
        var place: [UInt8] = []
        switch ResponseScanner.scan(bytes, lines: { style.take(line: $0, into: &place) }) {
        case .part: return 0
        case .nonsense:
            fail(index)
            renew(index)
            return bytes.count
        case .whole(let status, let head, let length, let closes):
            if status == 200 {
                readers[index].place = place
                take(events: UnsafeRawBufferPointer(rebasing: bytes[head..<head + length]), index, now)
            } else if status != 204 {
                fail(index)
            }
            if closes { renew(index) } else { ask(index) }
            return head + length
        }
    }

    private func takeLines(_ bytes: UnsafeRawBufferPointer, _ index: Int, _ now: Int64) -> Int {
        var start = 0
        while start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, 10, bytes.count - start)
        {
            let end = UnsafeRawPointer(found) - base
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            if ResponseScanner.begins(line, "data: [") || ResponseScanner.begins(line, "data: {\"n\"") {
                take(events: UnsafeRawBufferPointer(rebasing: line[6...]), index, now)
            } else if ResponseScanner.begins(line, "id: ") {
                readers[index].place = Array(line.dropFirst(4))
            }
            start = end + 1
        }
        return start
    }

    private func take(events body: UnsafeRawBufferPointer, _ index: Int, _ now: Int64) {
        let crowd = readers[index].crowd
        let before = readers[index].last
        var last = before
        tallies[crowd].answers += 1
        let isWhole = event.read(body) { number, time in
            guard number > last else {
                tallies[crowd].repeated += 1
                return
            }
            tallies[crowd].lost += number - last - 1
            tallies[crowd].events += 1
            tallies[crowd].latency.record(microseconds: (now - time) / 1000)
            last = number
        }
        if !isWhole { fail(index) }
        readers[index].last = last
        tallies[crowd].lastTime = now
        if before < crowds[crowd].events, last >= crowds[crowd].events { unfinished -= 1 }
    }

    private func fail(_ index: Int) {
        tallies[readers[index].crowd].failures += 1
    }

    /// Counts a failure, reconnects and continues from the last position.
    private func renew(_ index: Int) {
        fail(index)
        close(readers[index].descriptor)
        partial[index] = nil
        guard let descriptor = try? LoopbackSocket.connect(to: port) else {
            readers[index].descriptor = -1
            return
        }
        readers[index].descriptor = descriptor
        epoll.add(descriptor, token: index)
        style.write(&request, channel: readers[index].channel, place: readers[index].place[...])
        _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
    }
}

/// How the readers of a benchmark send requests, and where a response has the position for the next one.
package enum ReaderProtocol: String, Sendable, CaseIterable {
    /// Long polls by offset, `Stream-Next-Offset` (Durable Streams): Tidings and the bare loop.
    case poll
    /// Server-sent events from the same URL.
    case stream
    /// Long polls of Nchan, by `Last-Modified` and `Etag` of the last response.
    case nchan

    /// Writes a request for the events after a position.
    ///
    /// - Parameter place: as ``take(line:into:)`` has set it; empty at the beginning.
    func write(_ request: inout [UInt8], channel: Int, place: ArraySlice<UInt8>) {
        request.removeAll(keepingCapacity: true)
        switch self {
        case .poll, .stream:
            request.append(contentsOf: "GET /v1/channels/\(Self.channelName(channel))?offset=".utf8)
            if place.isEmpty { request.append(contentsOf: "-1".utf8) } else { request.append(contentsOf: place) }
            request.append(contentsOf: (self == .poll ? "&live=long-poll&timeout=55" : "&live=sse").utf8)
            request.append(contentsOf: " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
        case .nchan:
            request.append(contentsOf: "GET /sub/\(channel) HTTP/1.1\r\nHost: 127.0.0.1\r\n".utf8)
            request.append(contentsOf: place)
            request.append(contentsOf: "\r\n".utf8)
        }
    }

    /// The name of a benchmark's channel in Tidings and in the bare loop.
    package static func channelName(_ channel: Int) -> String { "thread:bench-\(channel)" }

    /// Reads a header line of a response, and stores the position for the next request.
    func take(line: UnsafeRawBufferPointer, into place: inout [UInt8]) {
        func isField(_ name: StaticString) -> Bool {
            guard line.count > name.utf8CodeUnitCount else { return false }
            return (0..<name.utf8CodeUnitCount).allSatisfy { line[$0] == name.utf8Start[$0] }
        }
        switch self {
        case .poll where isField("Stream-Next-Offset: "):
            place = Array(line.dropFirst(20))
        case .nchan where isField("Last-Modified: "):
            place = Array("If-Modified-Since: ".utf8) + line.dropFirst(15) + [13, 10]
        case .nchan where isField("Etag: "):
            place += Array("If-None-Match: ".utf8) + line.dropFirst(6) + [13, 10]
        default: break
        }
    }
}
