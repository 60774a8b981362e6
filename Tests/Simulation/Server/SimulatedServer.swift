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
    /// Hears every announcement of an event, and which keys change.
    private var observer: ServerSocket
    /// Announcements that were heard and not taken.
    private var announcements: [RedisValue] = []
    /// What the server holds, as far as it was read.
    private(set) var survey: ServerSurvey
    /// The hash by which the server knows the survey's script.
    private var script = ""
    /// Keys and channels of the pipeline's user, in the words of `ACL SETUSER`: a restart does not bring rights back.
    private var rights = SimulatedServer.allRights
    /// Whether a copy of the data was kept since the last wipe.
    private(set) var hasCopy = false

    /// The user that the processes of the pipeline log in as.
    static let user = "pipeline"
    private static let allRights = ["~*", "&*"]

    /// - Parameters:
    ///   - time: the server's time of day, in milliseconds since 1970.
    ///   - pipeline: the name of the pipeline whose data are surveyed.
    init(time: Int64, pipeline: String) throws {
        folder = try TemporaryFolder()
        clock = try ServerClock(in: folder)
        clock.set(time)
        clock.set(start: 0)
        path = folder.file("redis.sock")
        process = try SimulatedServer.launch(path, folder, clock)
        survey = ServerSurvey(of: pipeline)
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
    private func listen() {
        observer.send(RedisCommand("PING"))
        while let value = observer.receive(), let parts = value.array, let kind = parts.first?.text, kind != "pong" {
            switch kind {
            case "pmessage": announcements.append(value)
            case "message": if let keys = parts.last { survey.take(invalidation: keys) }
            default: break
            }
        }
    }

    /// The announcements that were heard since they were taken last.
    func takeAnnouncements() -> [RedisValue] {
        defer { announcements = [] }
        return announcements
    }

    /// Brings the survey up to date. Whatever earlier commands pushed has arrived then at its connection.
    ///
    /// - Returns: whether any data changed.
    func look() -> Bool {
        listen()
        return survey.refresh(control, script: script)
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
        }
        // Sockets of the last schedule were closed before: the server has noticed when it answers this.
        listen()
        announcements = []
        survey.forget()
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
        listen()
        survey.forget()
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
        survey.forget()
        prepare()
    }

    /// What is not part of the data, and is lost in a restart.
    private func prepare() {
        call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        if case .success(let hash) = call("SCRIPT", "LOAD", ServerSurvey.script) { script = hash.text ?? "" }
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
            // Its pauses end at a time of day, which stands still here: it would never sleep.
            "--jemalloc-bg-thread", "no",
            // Copies are small, and read once.
            "--rdbcompression", "no", "--rdbchecksum", "no", "--latency-tracking", "no",
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
            guard case .success(let id) = observer.call(RedisCommand("CLIENT", "ID")) else { return false }
            observer.call(RedisCommand("PSUBSCRIBE", "feed.publish:*"))
            observer.call(RedisCommand("SUBSCRIBE", "__redis__:invalidate"))
            let redirection = RedisCommand("CLIENT", "TRACKING", "ON", "REDIRECT", String(id.integer ?? 0), "BCAST")
            guard case .success = control.call(redirection) else { return false }
            sockets = (control, observer)
            return true
        }
        guard let sockets else { throw TestSupportError("redis-server does not answer") }
        return (sockets.0, sockets.1)
    }
}
