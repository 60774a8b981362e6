import Foundation
import Redis
import TestSupport

/// A real redis-server whose time of day, data and life are in the hands of the simulator.
///
/// It persists nothing by itself and expires nothing in the background: what happens in it happens by a command, or by
/// a method of this class.
final class SimulatedServer {
    private let folder: TemporaryFolder
    private let clock: ServerClock
    private let path: String
    private let process: ChildProcess
    /// Starts since the last wipe: numbers the run ids.
    private var starts = 0
    /// The connection of operators and of the simulator itself, as a user who may do everything.
    private(set) var control: ServerSocket
    /// Hears every announcement of an event.
    private(set) var observer: ServerSocket
    /// Keys and channels of the pipeline's user, in the words of `ACL SETUSER`: a restart does not bring rights back.
    private var rights = SimulatedServer.allRights
    /// Whether a copy of the data was kept since the last wipe.
    private(set) var hasCopy = false

    /// The user that the processes of the pipeline log in as.
    static let user = "pipeline"
    private static let allRights = ["~*", "&*"]

    init(time: Int64) throws {
        folder = try TemporaryFolder()
        clock = try ServerClock(in: folder)
        clock.set(time)
        clock.set(start: 0)
        path = folder.file("redis.sock")
        process = try SimulatedServer.launch(path, folder, clock)
        (control, observer) = try SimulatedServer.connect(to: path, process)
        prepare()
    }

    /// Sets the server's time of day, in milliseconds since 1970.
    func set(time: Int64) {
        clock.set(time)
    }

    func connect() throws -> ServerSocket {
        try ServerSocket(path)
    }

    @discardableResult
    func call(_ words: String...) -> Result<RedisValue, RedisError> {
        control.call(RedisCommand(words: words))
    }

    /// After it, every push that earlier commands caused has arrived at its connection: the server writes all that it has
    /// to write before it reads again.
    func barrier() {
        call("PING")
    }

    // MARK: Data

    /// Removes all data, functions and users of the last schedule. A server that was restarted is replaced, so that its
    /// run id is that of the first one again.
    func wipe() throws {
        hasCopy = false
        rights = SimulatedServer.allRights
        try? FileManager.default.removeItem(atPath: folder.file("dump.rdb"))
        if starts > 0 {
            starts = 0
            try relaunch()
        } else {
            call("FLUSHALL")
            call("FUNCTION", "FLUSH")
            prepare()
            // Sockets of the last schedule were closed before: the server has noticed when it answers this.
            barrier()
        }
        _ = observer.drain()
    }

    /// Keeps a copy of the data.
    func save() throws {
        call("SAVE")
        try copy("dump.rdb", to: "copy.rdb")
        hasCopy = true
    }

    /// Restarts with all data.
    func restart() throws {
        call("SAVE")
        starts += 1
        try relaunch()
    }

    /// Restarts with the data of the last copy, or with none.
    func takeBack() throws {
        try putCopyInPlace()
        starts += 1
        try relaunch()
    }

    /// Has the data of the last copy, or none, and another replication id, as a replica has that became master again. No
    /// connection is cut.
    func demote() throws {
        if hasCopy {
            try putCopyInPlace()
            call("DEBUG", "RELOAD", "NOSAVE")
        } else {
            call("FLUSHALL")
            call("FUNCTION", "FLUSH")
        }
        call("DEBUG", "CHANGE-REPL-ID")
    }

    private func putCopyInPlace() throws {
        if hasCopy {
            try copy("copy.rdb", to: "dump.rdb")
        } else {
            try? FileManager.default.removeItem(atPath: folder.file("dump.rdb"))
        }
    }

    private func copy(_ source: String, to target: String) throws {
        try? FileManager.default.removeItem(atPath: folder.file(target))
        try FileManager.default.copyItem(atPath: folder.file(source), toPath: folder.file(target))
    }

    // MARK: Process

    /// Has the process execute the program anew: it loses everything but its file, as in a crash, and needs no time to be
    /// buried and born.
    private func relaunch() throws {
        clock.set(start: starts)
        call("DEBUG", "CRASH-AND-RECOVER", "0")
        (control, observer) = try SimulatedServer.connect(to: path, process)
        prepare()
    }

    /// What is not part of the data, and is lost in a restart.
    private func prepare() {
        call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        allow(rights)
    }

    /// Gives the pipeline's user these keys and channels; nil: all.
    func allow(_ words: [String]?) {
        rights = words ?? SimulatedServer.allRights
        var command = RedisCommand("ACL", "SETUSER", SimulatedServer.user, "reset", "on", "nopass", "+@all")
        for word in rights { command.append(word) }
        control.call(command)
    }

    private static func launch(
        _ path: String, _ folder: TemporaryFolder, _ clock: ServerClock
    ) throws -> ChildProcess {
        let arguments = [
            "--port", "0", "--unixsocket", path, "--dir", folder.path, "--save", "", "--appendonly", "no",
            "--enable-debug-command", "yes", "--activerehashing", "no", "--timeout", "0", "--loglevel", "warning",
            "--io-threads", "1", "--databases", "1", "--maxclients", "500",
        ]
        return try ChildProcess(try program(), arguments, environment: clock.environment)
    }

    /// The path of redis-server, which it needs to execute itself.
    private static func program() throws -> String {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let paths = folders.map { "\($0)/redis-server" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else {
            throw TestSupportError("no redis-server in PATH; make test-deps installs it")
        }
        return path
    }

    private static func connect(
        to path: String, _ process: ChildProcess
    ) throws -> (control: ServerSocket, observer: ServerSocket) {
        var sockets: (ServerSocket, ServerSocket)?
        try eventually(within: 20, "redis-server answers; it wrote: \(process.output.suffix(2000))", every: 0.001) {
            guard process.isRunning else {
                throw TestSupportError("redis-server ended at once: \(process.output)\(process.errors)")
            }
            guard let control = try? ServerSocket(path), case .success = control.call(RedisCommand("PING")) else {
                return false
            }
            let observer = try ServerSocket(path)
            observer.call(RedisCommand("PSUBSCRIBE", "feed.publish:*"))
            sockets = (control, observer)
            return true
        }
        guard let sockets else { throw TestSupportError("redis-server does not answer") }
        return (sockets.0, sockets.1)
    }
}
