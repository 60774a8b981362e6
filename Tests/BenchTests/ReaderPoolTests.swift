import Events
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Bench

/// Tests the readers of a benchmark with the bare loop, and with faulty servers.
@Suite("Readers of a measurement")
struct ReaderPoolTests {
    private static let event = LoadEvent(size: 80)

    @Test("every reader gets every event once, by long-poll and by stream", arguments: [ReaderProtocol.poll, .stream])
    func bareLoop(_ style: ReaderProtocol) throws {
        let port = try Self.startBareLoop()
        let crowds = [Crowd(readers: 30, events: 50), Crowd(readers: 6, firstChannel: 1, channels: 3, events: 10)]
        let pool = try ReaderPool(port: port, style: style, crowds: crowds, event: Self.event)
        let publisher = try HTTPPublisher(port: port, path: "/publish/")
        for number in 1...50 {
            try publisher.publish(Self.event.bytes(number: number, time: 0), to: ReaderProtocol.channelName(0))
            guard number <= 10 else { continue }
            for channel in 1...3 {
                try publisher.publish(
                    Self.event.bytes(number: number, time: 0), to: ReaderProtocol.channelName(channel))
            }
        }
        while publisher.outstanding > 0 { try publisher.readAnswers(waits: true) }
        let end = Clock.monotonicMilliseconds() + 20_000
        pool.run(stays: false) { Clock.monotonicMilliseconds() > end }
        #expect(pool.tallies.map(\.events) == [1500, 60])
        for tally in pool.tallies {
            #expect(tally.lost == 0 && tally.repeated == 0 && tally.behind == 0 && tally.failures == 0)
        }
    }

    @Test("a server that loses, repeats or cuts is found out")
    func wrongServer() throws {
        // Sends to one connection the events 1 and 2, then 2 again, then 5, then nothing.
        let (listener, port) = try LoopbackSocket.listen()
        defer { close(listener) }
        let bodies = [[1, 2], [2], [5]].map { numbers in
            "["
                + numbers.map { String(decoding: Self.event.bytes(number: $0, time: 0), as: UTF8.self) }
                .joined(separator: ",") + "]"
        }
        Thread.detachNewThread {
            var descriptor: Int32 = -1
            while descriptor < 0 { descriptor = accept(listener, nil, nil) }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            var buffer = [UInt8](repeating: 0, count: 4096)
            for body in bodies {
                guard recv(descriptor, &buffer, buffer.count, 0) > 0 else { return }
                let answer =
                    "HTTP/1.1 200 OK\r\nStream-Next-Offset: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                send(descriptor, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
            }
        }
        let pool = try ReaderPool(port: port, style: .poll, crowds: [Crowd(readers: 1, events: 6)], event: Self.event)
        let end = Clock.monotonicMilliseconds() + 10_000
        pool.run(stays: false) { Clock.monotonicMilliseconds() > end || pool.tallies[0].events == 3 }
        #expect(pool.tallies[0].events == 3 && pool.tallies[0].repeated == 1)
        #expect(pool.tallies[0].lost == 2 && pool.tallies[0].behind == 1)
    }

    @Test("visitors count the connections that got an answer")
    func visitors() throws {
        let port = try Self.startBareLoop()
        let publisher = try HTTPPublisher(port: port, path: "/publish/")
        try publisher.publish(Self.event.bytes(number: 1, time: 0), to: "a")
        while publisher.outstanding > 0 { try publisher.readAnswers(waits: true) }
        let churn = try ConnectionChurn(port: port, target: "/v1/channels/a?offset=-1", atOnce: 4)
        churn.run(milliseconds: 200)
        #expect(churn.completed > 4 && churn.failed == 0)
    }

    @Test("crowds are read, written and dealt out")
    func crowds() {
        #expect(Crowd("10:2:3:40") == Crowd(readers: 10, firstChannel: 2, channels: 3, events: 40))
        #expect(Crowd("10:2:3:40")?.description == "10:2:3:40")
        for text in ["", "1:2:3", "1:2:3:4:5", "a:1:1:1", "1:0:0:1", "-1:0:1:1"] { #expect(Crowd(text) == nil) }
        #expect(Crowd(readers: 10, events: 1).split(3).map(\.readers) == [4, 3, 3])
    }

    private static func startBareLoop() throws -> UInt16 {
        let port = Port()
        Thread.detachNewThread {
            guard let server = try? BareServer() else { return }
            port.number.withLock { $0 = server.port }
            server.run()
        }
        try eventually(within: 10, "the bare loop listens") { port.number.withLock { $0 != 0 } }
        return port.number.withLock { $0 }
    }

    private final class Port: Sendable {
        let number = Mutex<UInt16>(0)
    }
}
