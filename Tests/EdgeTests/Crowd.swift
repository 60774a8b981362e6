import Foundation
import Glibc
import Synchronization
import TestSupport

/// Many readers of one channel on one thread, which poll again as soon as they are answered.
final class Crowd: Sendable {
    private struct State {
        var answers = 0
        var isStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// - Parameter path: the target; the offset is appended.
    init(_ path: String, readers: Int, port: @escaping @Sendable () -> UInt16) {
        Thread.detachNewThread { [self] in
            run(path, readers, port())
            state.withLock { $0.hasEnded = true }
        }
    }

    /// The number of answers received.
    var answers: Int { state.withLock { $0.answers } }

    func stop() {
        state.withLock { $0.isStopped = true }
        try? eventually(within: 10, "the crowd leaves") { state.withLock { $0.hasEnded } }
    }

    private func run(_ path: String, _ readers: Int, _ port: UInt16) {
        let descriptors = (0..<readers).map { _ in Self.connect(port) }
        defer { for descriptor in descriptors { close(descriptor) } }
        for descriptor in descriptors { Self.ask(path + "now", on: descriptor) }
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while !state.withLock({ $0.isStopped }) {
            guard poll(&entries, nfds_t(entries.count), 20) > 0 else { continue }
            for entry in entries where entry.revents != 0 {
                let count = recv(entry.fd, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { continue }
                // The answers are small, so each arrives in one piece.
                let mark = Array("Stream-Next-Offset: ".utf8)
                guard let range = buffer[..<count].firstRange(of: mark) else { continue }
                let offset = String(decoding: buffer[range.upperBound..<count].prefix { $0 != 0x0D }, as: UTF8.self)
                state.withLock { $0.answers += 1 }
                Self.ask(path + offset, on: entry.fd)
            }
        }
    }

    private static func ask(_ target: String, on descriptor: Int32) {
        let bytes = Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private static func connect(_ port: UInt16) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }
}
