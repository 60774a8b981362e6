package import Glibc
package import Load

/// A server under test: what its processes are, how readers ask it, and how events get into it.
package protocol EdgeTarget: AnyObject {
    /// As tables show it.
    var name: String { get }
    var port: UInt16 { get }
    /// The processes whose processor time and memory count.
    var processes: [pid_t] { get }
    /// What it takes of the measurement's events on the way in besides, for a remark.
    var helpers: [pid_t] { get }

    /// How readers ask; nil when it has no such way.
    func style(isStream: Bool) -> ReaderProtocol?
    /// What a visitor asks for: an answer at once, and the end of the connection.
    func visitorTarget(channel: Int) -> String
    /// Sends an event without waiting.
    func publish(_ event: [UInt8], to channel: Int) throws
    /// Takes the answers to what was published; true when none is outstanding.
    func settle() throws -> Bool
    func stop()
}
