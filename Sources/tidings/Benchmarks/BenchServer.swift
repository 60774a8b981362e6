import Glibc
import Logging
import Pipeline
import Redis

/// A redis-server for one benchmark.
final class BenchServer {
    let address: RedisAddress
    let pid: pid_t

    init(folder: BenchFolder, logger: Logger) throws {
        guard EmbeddedRedis.isInstalled else {
            throw CommandError("there is no redis-server on this machine; install it (apt-get install redis-server)")
        }
        let data = DataFolder(path: folder.path)
        let server = EmbeddedRedis(folder: data, port: 0)
        try server.writeConfiguration()
        pid = try ChildProcess.spawn(server.place.arguments())
        address = RedisAddress(endpoint: .unix(path: data.socket))
        for _ in 0..<500 where access(data.socket, F_OK) != 0 { usleep(10_000) }
    }

    func client() throws -> RedisClient {
        try RedisClient(address: address, name: "tidings-bench")
    }

    func stop() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}
