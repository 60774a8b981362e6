import Events
import Glibc

/// Measures how many new connections a server accepts: connects, sends one request, reads the response, and connects
/// again, with many connections at a time.
package final class ConnectionChurn {
    private struct Visitor {
        var descriptor: Int32 = -1
        var hasAsked = false
        var bytes = 0
    }

    /// The connections that received a complete response.
    package private(set) var completed = 0
    /// The connections that did not.
    package private(set) var failed = 0

    private let port: UInt16
    private let request: [UInt8]
    private let epoll: EpollHandle
    private var visitors: [Visitor]
    private var inbox = [UInt8](repeating: 0, count: 64 * 1024)

    /// - Parameters:
    ///   - target: the target of each request. The server has to close the connection after the response.
    ///   - atOnce: the number of connections at any time.
    package init(port: UInt16, target: String, atOnce: Int) throws(LoadError) {
        self.port = port
        request = Array("GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".utf8)
        epoll = try EpollHandle()
        visitors = Array(repeating: Visitor(), count: atOnce)
    }

    /// Runs for this many milliseconds.
    package func run(milliseconds: Int64) {
        for index in visitors.indices { visit(index) }
        let end = Clock.monotonicMilliseconds() + milliseconds
        while Clock.monotonicMilliseconds() < end {
            epoll.wait(milliseconds: 50) { index, isReadable, isWritable in
                if isWritable, !self.visitors[index].hasAsked { self.ask(index) }
                if isReadable { self.receive(index) }
            }
            for index in visitors.indices where visitors[index].descriptor < 0 { visit(index) }
        }
        for visitor in visitors where visitor.descriptor >= 0 { close(visitor.descriptor) }
    }

    private func visit(_ index: Int) {
        guard let descriptor = LoopbackSocket.beginConnect(to: port) else {
            failed += 1
            return
        }
        visitors[index] = Visitor(descriptor: descriptor)
        epoll.add(descriptor, token: index, writes: true)
    }

    private func ask(_ index: Int) {
        let descriptor = visitors[index].descriptor
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return leave(index, succeeded: false)
        }
        visitors[index].hasAsked = true
        epoll.change(descriptor, token: index, writes: false)
    }

    private func receive(_ index: Int) {
        let count = recv(visitors[index].descriptor, &inbox, inbox.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        if count > 0 {
            if visitors[index].bytes == 0, !inbox[..<count].starts(with: "HTTP/1.1 200".utf8) {
                return leave(index, succeeded: false)
            }
            visitors[index].bytes += count
            return
        }
        leave(index, succeeded: count == 0 && visitors[index].bytes > 0)
    }

    private func leave(_ index: Int, succeeded: Bool) {
        if succeeded { completed += 1 } else { failed += 1 }
        close(visitors[index].descriptor)
        visitors[index].descriptor = -1
        visit(index)
    }
}
