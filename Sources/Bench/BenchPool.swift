import Console
import Events
package import Glibc
package import Pipeline
import Redis
import Supervision

/// A pool of real processes for one benchmark, under its supervisor: `tidings work` or `tidings edge`.
package final class BenchPool {
    package let pid: pid_t

    /// - Parameters:
    ///   - words: the command and its flags.
    ///   - yaml: what `tidings.yaml` says.
    package init(_ words: [String], yaml: String, server: BenchServer, folder: BenchFolder) throws {
        try folder.write(yaml, to: "tidings.yaml")
        setenv("TIDINGS_REDIS", server.address.url, 1)
        setenv("TIDINGS_CONFIG", folder.path + "/tidings.yaml", 1)
        // Deaths are what some of these are about; they need no line each.
        if Terminal.environment("TIDINGS_LOG") == nil { setenv("TIDINGS_LOG", "error", 1) }
        // What it says to its operator is not for whoever reads figures.
        pid = try BenchChild.spawn(["sh", "-c", "exec \"$@\" >/dev/null", "sh", Subprocess.ownPath] + words)
    }

    /// The processes that the supervisor has now.
    package var children: [pid_t] { ProcessUse.children(of: pid) }

    /// Asks it to end in order and waits for that.
    package func stop() {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    /// Waits until so many workers have joined and every lane has an owner that lives.
    package func waitUntilSettled(_ layout: PipelineLayout, workers: Int, client: BlockingRedis) throws {
        let patience = Clock.monotonicMilliseconds() + 60_000
        while Clock.monotonicMilliseconds() < patience {
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
