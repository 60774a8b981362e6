import Glibc
import Load
import Pipeline

/// The bare loop in a process of its own.
final class BareTarget: EdgeTarget {
    let name = "bare loop"
    let port: UInt16
    private let pid: pid_t
    private let publisher: HTTPPublisher

    init(folder: BenchFolder) throws {
        let files = folder.path + "/bare"
        pid = try BenchChild.spawn([ChildProcess.ownPath, "bench", "bare", "--files", files])
        port = UInt16(try BenchFiles.wait(for: files + ".port", from: pid, seconds: 10)) ?? 0
        publisher = try HTTPPublisher(port: port, path: "/publish/")
    }

    var processes: [pid_t] { [pid] }
    var helpers: [pid_t] { [] }

    func style(isStream: Bool) -> ReaderProtocol? { isStream ? .stream : .poll }

    func visitorTarget(channel: Int) -> String { "/v1/channels/\(ReaderProtocol.channelName(channel))?offset=-1" }

    func publish(_ event: [UInt8], to channel: Int) throws {
        try publisher.publish(event, to: ReaderProtocol.channelName(channel))
    }

    func settle() throws -> Bool {
        try publisher.readAnswers(waits: false)
        return publisher.outstanding == 0
    }

    func stop() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}
