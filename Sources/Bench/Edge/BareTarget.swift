package import Glibc
package import Load
import Pipeline
import Supervision

/// The bare loop in a process of its own.
package final class BareTarget: EdgeTarget {
    package let name = "bare loop"
    package let port: UInt16
    private let pid: pid_t
    private let publisher: HTTPPublisher

    package init(folder: BenchFolder) throws {
        let files = folder.path + "/bare"
        pid = try BenchChild.spawn([Subprocess.ownPath, "bench", "bare", "--files", files])
        port = UInt16(try BenchFiles.wait(for: files + ".port", from: pid, seconds: 10)) ?? 0
        publisher = try HTTPPublisher(port: port, path: "/publish/")
    }

    package var processes: [pid_t] { [pid] }
    package var helpers: [pid_t] { [] }

    package func style(isStream: Bool) -> ReaderProtocol? { isStream ? .stream : .poll }

    package func visitorTarget(channel: Int) -> String {
        "/v1/channels/\(ReaderProtocol.channelName(channel))?offset=-1"
    }

    package func publish(_ event: [UInt8], to channel: Int) throws {
        try publisher.publish(event, to: ReaderProtocol.channelName(channel))
    }

    package func settle() throws -> Bool {
        try publisher.readAnswers(waits: false)
        return publisher.outstanding == 0
    }

    package func stop() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}
