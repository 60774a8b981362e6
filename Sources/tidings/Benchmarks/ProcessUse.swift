import Glibc

/// What a process has taken of the machine, from /proc. Source: proc(5).
struct ProcessUse {
    /// Processor time, in seconds.
    let seconds: Double
    /// Memory that is this process's alone, in KiB.
    let privateKilobytes: Int
    /// Memory that it has in RAM, shared pages among it, in KiB.
    let residentKilobytes: Int

    /// Nil when there is no such process.
    init?(of pid: pid_t) {
        guard let stat = ProcessUse.read("/proc/\(pid)/stat"),
            let memory = ProcessUse.read("/proc/\(pid)/smaps_rollup"),
            // The name in parentheses may hold anything.
            let end = stat.lastIndex(of: ")")
        else { return nil }
        let words = stat[end...].split(separator: " ")
        guard words.count > 13, let user = Double(words[12]), let system = Double(words[13]) else { return nil }
        seconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        func sum(_ names: [String]) -> Int {
            memory.split(separator: "\n").reduce(0) { total, line in
                guard names.contains(where: { line.hasPrefix($0 + ":") }) else { return total }
                return total + (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
            }
        }
        privateKilobytes = sum(["Private_Clean", "Private_Dirty"])
        residentKilobytes = sum(["Rss"])
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = fread(&bytes, 1, bytes.count, file)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
