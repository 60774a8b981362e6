import Console
import Glibc
import Pipeline

/// The redis-server that `tidings up` starts for itself: in its data folder, on a unix socket, with an append-only file.
package struct EmbeddedRedis {
    package let folder: DataFolder
    /// A loopback port besides the socket, for redis-cli and web apps; 0: none.
    package let port: UInt16
    /// Bytes that it may use: beyond them it refuses writes and the door is shut, where the kernel would have killed it.
    /// 0: no limit.
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

    /// Where the supervisor starts it: under a wrapper that ends it with its parent.
    package var place: Supervisor.Place {
        Supervisor.Place(name: "redis-server") { Subprocess.under(["redis-server", folder.redisConfiguration]) }
    }

    /// Half of what the machine has: the other half is for the copy that rewriting the append-only file may need, and for
    /// everybody else.
    package static let halfOfMachine = sysconf(Int32(_SC_PHYS_PAGES)) / 2 * sysconf(Int32(_SC_PAGESIZE))

    /// Whether a loopback port can be had now.
    package static func isFree(port: UInt16) -> Bool {
        guard let socket = ReservedPort(host: "127.0.0.1", port: port, shared: false) else { return false }
        return socket.port == port
    }

    /// Whether there is a redis-server to start.
    package static var isInstalled: Bool {
        let folders = (Terminal.environment("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        return folders.contains { access("\($0)/redis-server", X_OK) == 0 }
    }

    private func quoted(_ path: String) -> String {
        "\"" + path.flatMap { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" } + "\""
    }
}
