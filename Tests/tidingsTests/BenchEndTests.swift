import Glibc
import TestSupport
import Testing

struct BenchEndTests {
    @Test("what a benchmark has started ends with it, also when it is killed")
    func killed() throws {
        let bench = try TidingsBinary.launch(["bench", "idle", "--seconds", "600"])
        var children: [ProcessTable.Entry] = []
        try eventually(within: 60, "its pools run: \(children.map(\.command)); it wrote: \(bench.errors)", every: 0.05)
        {
            children = ProcessTable.descendants(of: bench.pid)
            return children.contains { $0.command.hasPrefix("redis-server") }
                && children.count { $0.command.contains(" --child ") } >= 2
        }
        bench.kill()
        for child in children {
            try eventually(within: 30, "\(child.command) has ended", every: 0.05) { kill(child.pid, 0) != 0 }
        }
    }
}
