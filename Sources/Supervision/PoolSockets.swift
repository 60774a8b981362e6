package import Events
import Glibc

/// The sockets of a pool of edges: one for each process, all bound to one port, held by the supervisor for as long as it
/// runs. So a connection that waits for a process that is being replaced, or was killed, waits for the next one.
package final class PoolSockets {
    package let port: UInt16
    private let descriptors: [Int32]

    /// Binds the sockets; who listens on them is their process.
    ///
    /// - Parameters:
    ///   - port: 0 lets the system choose.
    /// - Throws: ``EventsError`` when somebody else has the port: sharing is for those who belong together, and a second
    ///   pool that took half of the readers by mistake would be hard to find.
    package init(host: String, port: UInt16, count: Int) throws(EventsError) {
        if port != 0 { close(try ListeningSocket.bound(.tcp(host: host, port: port), isShared: false)) }
        var opened = [try ListeningSocket.bound(.tcp(host: host, port: port), isShared: true)]
        let port = ListeningSocket.port(of: opened[0])
        do throws(EventsError) {
            while opened.count < count {
                opened.append(try ListeningSocket.bound(.tcp(host: host, port: port), isShared: true))
            }
        } catch {
            for descriptor in opened { close(descriptor) }
            throw error
        }
        self.port = port
        descriptors = opened
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    /// All of them, that of one process first.
    package func ordered(first index: Int) -> [Int32] {
        [descriptors[index]] + descriptors.enumerated().filter { $0.offset != index }.map(\.element)
    }
}
