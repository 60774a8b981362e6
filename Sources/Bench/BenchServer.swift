import Console
package import Glibc
package import Logging
package import Pipeline
package import Redis
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
        pid = try Subprocess.spawn(server.place.arguments())
        address = RedisAddress(endpoint: .unix(path: data.socket))
        for _ in 0..<500 where access(data.socket, F_OK) != 0 { usleep(10_000) }
    }

    package func client() throws -> BlockingRedis {
        try BlockingRedis(address: address, name: "tidings-bench")
    }

    package func stop() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}
