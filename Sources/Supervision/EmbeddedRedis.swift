import Console
import Glibc

/// The folder in which `tidings up` keeps its Redis: socket, append-only file, configuration, lock.
package struct DataFolder {
    package let path: String

    package init(path: String) {
        self.path = path.hasPrefix("/") ? path : DataFolder.workingFolder + "/" + path
    }

    package var socket: String { path + "/redis.sock" }
    package var redisConfiguration: String { path + "/redis.conf" }
    private var lock: String { path + "/lock" }

    /// Makes the folder and its parents, for this user only.
    package func create() throws {
        var current = ""
        for part in path.split(separator: "/") {
            current += "/" + part
            if mkdir(current, 0o700) != 0, errno != EEXIST {
                throw CommandError("cannot make the folder \(current): \(String(cString: strerror(errno)))")
            }
        }
        guard socket.utf8.count <= 107 else {
            throw CommandError("the path \(path) is too long for a socket in it; name a shorter folder with --data DIR")
        }
    }

    /// Makes sure that only one process uses the folder. The lock is kept until this process ends.
    package func takeLock() throws {
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw CommandError("another 'tidings up' uses \(path); stop it, or name another folder with --data DIR")
        }
    }

    private static var workingFolder: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The redis-server that `tidings up` starts for itself: in its data folder, on a unix socket, with an append-only
/// file.
package struct EmbeddedRedis {
    package let folder: DataFolder
    /// A loopback port besides the socket, for redis-cli and web apps; 0: none.
    package let port: UInt16
    /// Bytes that it may use, 0: no limit. Beyond them it refuses writes, so that the pipeline takes no more events;
    /// without a limit the kernel would kill it.
    package let memory: Int

    package init(folder: DataFolder, port: UInt16, memory: Int = EmbeddedRedis.halfOfMachine) {
        self.folder = folder
        self.port = port
        self.memory = memory
    }

    /// Writes the server's configuration.
    package func writeConfiguration() throws {
        // Everything is written to the append-only file; snapshots would only add a fork.
        let lines = [
            "port \(port)",
            "bind 127.0.0.1",
            "unixsocket \(quoted(folder.socket))",
            "unixsocketperm 700",
            "dir \(quoted(folder.path))",
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            "save \"\"",
            "maxmemory \(memory)",
            "maxmemory-policy noeviction",
            "logfile \(quoted(folder.path + "/redis.log"))",
            "loglevel notice",
            "tcp-backlog 511",
        ]
        guard let file = fopen(folder.redisConfiguration, "w") else {
            throw CommandError("cannot write \(folder.redisConfiguration): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        fputs(lines.joined(separator: "\n") + "\n", file)
    }

    /// The server as a child of a supervisor.
    package var child: ChildSpec {
        ChildSpec(program: "redis-server", arguments: [folder.redisConfiguration])
    }

    /// Half of the machine's memory, in bytes. The other half is for the copy that rewriting the append-only file may
    /// need, and for other processes.
    package static let halfOfMachine = sysconf(Int32(_SC_PHYS_PAGES)) / 2 * sysconf(Int32(_SC_PAGESIZE))

    /// Whether this machine has a redis-server to start.
    package static var isInstalled: Bool {
        let folders = (Terminal.environment("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        return folders.contains { access("\($0)/redis-server", X_OK) == 0 }
    }

    private func quoted(_ path: String) -> String {
        "\"" + path.flatMap { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" } + "\""
    }
}
