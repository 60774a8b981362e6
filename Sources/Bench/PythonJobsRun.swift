import Console
import Glibc
import JSON
import Pipeline
import Supervision

/// The same by thoonk.py: a process of its own for each run, which times itself.
package struct PythonJobsRun {
    package let python: String
    package let folder: BenchFolder
    /// The path of the server's socket.
    package let socket: String
    package let jobs: Int
    package let itemBytes: Int

    package init(python: String, folder: BenchFolder, socket: String, jobs: Int, itemBytes: Int) {
        self.python = python
        self.folder = folder
        self.socket = socket
        self.jobs = jobs
        self.itemBytes = itemBytes
    }

    package func run() throws -> JobsTimes {
        try folder.write(String(decoding: PackageResources.thoonk_bench_py, as: UTF8.self), to: "thoonk_bench.py")
        let result = folder.path + "/thoonk_bench.json"
        let pid = try BenchChild.spawn([
            python, "-B", folder.path + "/thoonk_bench.py", socket, String(jobs), String(itemBytes), result,
        ])
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw CommandError(
                "\(python) could not run thoonk.py (\(Subprocess.describe(status))); "
                    + "'pip install thoonk==1.0.1.0 \"redis>=5,<9\"' installs what it needs")
        }
        let text = try SmallFile.read(result, maxBytes: 4096)
        unlink(result)
        let object = try JSONParser(maxBytes: 4096).parseObject(Array(text.utf8))
        var times = JobsTimes()
        for verb in JobsTimes.Verb.allCases { times[verb] = object[verb.rawValue]?.double ?? 0 }
        return times
    }
}
