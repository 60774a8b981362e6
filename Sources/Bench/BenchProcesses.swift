import Console
import Events
package import Glibc
package import Logging
package import Pipeline
package import Redis
package import Store
import Supervision

/// A redis-server for one benchmark.
package final class BenchServer {
    package let address: RedisAddress
    package let pid: pid_t

    package init(folder: BenchFolder, logger: Logger) throws {
        guard EmbeddedRedis.isInstalled else {
            throw CommandError("there is no redis-server on this machine; install it (apt-get install redis-server)")
        }
        let data = DataFolder(path: folder.path)
        let server = EmbeddedRedis(folder: data, port: 0)
        try server.writeConfiguration()
        let child = server.child
        pid = try child.spawn(child.launch(0))
        address = RedisAddress(endpoint: .unix(path: data.socket))
        // The socket's file is there a moment before the server listens on it.
        for _ in 0..<500 {
            if (try? BlockingRedis(address: address, name: "tidings-bench", loadsFunctions: false)) != nil { return }
            usleep(10_000)
        }
        throw CommandError("the redis-server of the benchmark did not answer within 5 s; see \(data.path)/redis.log")
    }

    /// - Parameter loadsFunctions: false where another program brings a library of its own.
    package func client(loadsFunctions: Bool = true) throws -> BlockingRedis {
        try BlockingRedis(address: address, name: "tidings-bench", loadsFunctions: loadsFunctions)
    }

    package func stop() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}

/// A pool of real processes for one benchmark, under its supervisor: `tidings work` or `tidings edge`.
package final class BenchPool {
    package let pid: pid_t
    private let program: String
    private let command: String
    private var hasEnded = false

    /// - Parameters:
    ///   - words: the command and its flags.
    ///   - yaml: what `tidings.yaml` says.
    ///   - program: a `tidings` binary.
    package init(
        _ words: [String], yaml: String, server: BenchServer, folder: BenchFolder,
        program: String = Subprocess.ownPath
    ) throws {
        self.program = program
        command = words.joined(separator: " ")
        try folder.write(yaml, to: "tidings.yaml")
        setenv("TIDINGS_REDIS", server.address.url, 1)
        setenv("TIDINGS_CONFIG", folder.path + "/tidings.yaml", 1)
        // Deaths are what some of these are about; they need no line each.
        if Terminal.environment("TIDINGS_LOG") == nil { setenv("TIDINGS_LOG", "error", 1) }
        // The standard output of the pool would mix with the figures.
        pid = try BenchChild.spawn(["sh", "-c", "exec \"$@\" >/dev/null", "sh", program] + words)
    }

    /// The processes that the supervisor has now.
    package var children: [pid_t] { ProcessUse.children(of: pid) }

    /// Asks it to end in order and waits for that.
    package func stop() {
        guard !hasEnded else { return }
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    /// - Throws: ``CommandError`` when the pool has ended by itself.
    package func checkThatItRuns() throws {
        if !hasEnded { hasEnded = Subprocess.status(of: pid) != nil }
        if hasEnded { throw CommandError("'\(program) \(command)' ended before its time") }
    }

    /// Waits until so many workers have joined and every lane has an owner that lives.
    package func waitUntilSettled(_ layout: PipelineLayout, workers: Int, client: BlockingRedis) throws {
        let deadline = Clock.monotonicMilliseconds() + 60_000
        while Clock.monotonicMilliseconds() < deadline {
            let ids = Set((try client.call("ZRANGE", layout.processes, "0", "-1").array ?? []).compactMap(\.text))
            var owners: [String: Int] = [:]
            for lane in layout.lanes {
                owners[try client.call("HGET", layout.lane(lane), "owner").text ?? "", default: 0] += 1
            }
            let share = (layout.lanes.count + workers - 1) / workers
            if ids.count == workers, Set(owners.keys) == ids, owners.values.allSatisfy({ $0 <= share }) { return }
            usleep(2000)
        }
        throw CommandError("the workers did not settle within a minute")
    }
}

/// A folder for one benchmark's server and files; removed with all that is in it.
package struct BenchFolder {
    package let path: String

    package init() throws {
        var template = Array("/tmp/tidings-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandError("cannot make a folder in /tmp: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package func write(_ text: String, to name: String) throws {
        guard let file = fopen("\(path)/\(name)", "w") else { throw CommandError("cannot write to \(path)") }
        fputs(text, file)
        fclose(file)
    }

    package func remove() {
        let pid = try? Subprocess.spawn(["rm", "-rf", path])
        var status: Int32 = 0
        if let pid { waitpid(pid, &status, 0) }
    }
}

/// The programs that a benchmark starts: they end with it, however it ends.
package enum BenchChild {
    /// - Parameter words: the program, looked for on the path, and its arguments.
    /// - Returns: its process id.
    package static func spawn(_ words: [String]) throws -> pid_t {
        try Subprocess.spawn(words, parentDeathSignal: SIGTERM)
    }
}

/// Files through which the processes of a benchmark tell each other how far they are. Each appears whole or not at all.
package enum BenchFiles {
    package static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path + ".new", "w") else { throw CommandError("cannot write to \(path)") }
        fputs(text, file)
        fclose(file)
        guard rename(path + ".new", path) == 0 else { throw CommandError("cannot write to \(path)") }
    }

    /// Nil while there is none.
    package static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits for a file.
    ///
    /// - Parameter pid: the process that is to write it: when that has ended there is nothing to wait for.
    package static func wait(for path: String, from pid: pid_t, seconds: Double) throws -> String {
        for _ in 0..<Int(seconds * 200) {
            if let text = read(path) { return text }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid, read(path) == nil {
                throw CommandError("a process of the benchmark ended before its time")
            }
            usleep(5000)
        }
        throw CommandError("a process of the benchmark did not get ready in \(Int(seconds)) s")
    }
}
