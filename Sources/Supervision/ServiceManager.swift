import Console
package import Events
import Glibc

/// Tells systemd the state of the service, for units with `Type=notify` or `WatchdogSec=`. Source: sd_notify(3).
///
/// The watchdog is fed from the supervisor's loop: systemd restarts a supervisor that hangs, and its children with it.
/// Both sides measure by the monotonic clock, so a machine that sleeps has missed nothing.
package final class ServiceManager {
    private let descriptor: Int32
    private var address = sockaddr_un()
    private var length: socklen_t = 0
    private var watchdog: Timer?

    /// Nil when there is no service manager.
    package init?() {
        guard let path = Terminal.environment("NOTIFY_SOCKET"), path.utf8.count < 108,
            path.hasPrefix("/") || path.hasPrefix("@")
        else { return nil }
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        // Children must not report for the service.
        unsetenv("NOTIFY_SOCKET")
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        // An abstract name begins with a NUL.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    }

    deinit {
        close(descriptor)
    }

    /// The service is ready.
    ///
    /// - Parameter status: what `systemctl status` shows.
    package func ready(on loop: EventLoop, status: String) {
        send("READY=1\nSTATUS=\(status)")
        guard let text = Terminal.environment("WATCHDOG_USEC"), let microseconds = Int64(text), microseconds > 0 else {
            return
        }
        if let pid = Terminal.environment("WATCHDOG_PID"), pid != String(getpid()) { return }
        let timer = Timer(on: loop) { [unowned self] in self.send("WATCHDOG=1") }
        timer.schedule(every: max(1, microseconds / 2000))
        watchdog = timer
    }

    /// The configuration is being read again; call ``ready(on:status:)`` afterwards.
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }

    /// The service is ending.
    package func stopping() {
        send("STOPPING=1")
    }

    /// Sends one datagram. The protocol has no answer: a datagram that is not taken is lost.
    private func send(_ text: String) {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                _ = sendto(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL), name, length)
            }
        }
    }
}
