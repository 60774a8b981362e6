package import Glibc
package import JSON

/// How a number of measurements is spread.
package struct Spread {
    private let sorted: [Double]

    package init(_ values: [Double]) {
        sorted = values.sorted()
    }

    package var median: Double { percentile(50) }
    package var worst: Double { sorted.last ?? 0 }

    /// The value that so many percent of the measurements do not pass.
    package func percentile(_ percent: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = (percent / 100 * Double(sorted.count)).rounded(.up)
        return sorted[min(sorted.count - 1, max(0, Int(rank) - 1))]
    }

    package var json: JSON {
        var object = JSONObject()
        object["count"] = .int(Int64(sorted.count))
        object["median"] = .double(Spread.tenth(median))
        object["p95"] = .double(Spread.tenth(percentile(95)))
        object["worst"] = .double(Spread.tenth(worst))
        return .object(object)
    }

    package static func tenth(_ number: Double) -> Double { (number * 10).rounded() / 10 }
}

/// What a process has taken of the machine, from /proc. Source: proc(5).
package struct ProcessUse {
    /// Processor time, in seconds.
    package let seconds: Double
    /// Memory that is this process's alone, in KiB.
    package let privateKilobytes: Int
    /// Memory that it has in RAM, shared pages among it, in KiB.
    package let residentKilobytes: Int

    /// Nil when there is no such process.
    package init?(of pid: pid_t) {
        guard let memory = ProcessUse.read("/proc/\(pid)/smaps_rollup"),
            let seconds = ProcessUse.processorSeconds(of: pid)
        else { return nil }
        self.seconds = seconds
        func sum(_ names: [String]) -> Int {
            memory.split(separator: "\n").reduce(0) { total, line in
                guard names.contains(where: { line.hasPrefix($0 + ":") }) else { return total }
                return total + (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
            }
        }
        privateKilobytes = sum(["Private_Clean", "Private_Dirty"])
        residentKilobytes = sum(["Rss"])
    }

    /// Processor time of all threads of a process, to the nanosecond where the kernel keeps it (`schedstat`), else in
    /// clock ticks; nil when there is no such process.
    package static func processorSeconds(of pid: pid_t) -> Double? {
        guard let folder = opendir("/proc/\(pid)/task") else { return nil }
        defer { closedir(folder) }
        var sum = 0.0
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let thread = Int32(name) else { continue }
            let precise = read("/proc/\(pid)/task/\(thread)/schedstat")?.split(separator: " ").first
            sum += precise.flatMap { Double($0) }.map { $0 / 1e9 } ?? ticks(of: "/proc/\(pid)/task/\(thread)/stat")
        }
        return sum
    }

    private static func ticks(of path: String) -> Double {
        // The name in parentheses may hold anything.
        guard let stat = read(path), let end = stat.lastIndex(of: ")") else { return 0 }
        let words = stat[end...].split(separator: " ")
        guard words.count > 13, let user = Double(words[12]), let system = Double(words[13]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The processes that a process has started and that run.
    package static func children(of pid: pid_t) -> [pid_t] {
        (read("/proc/\(pid)/task/\(pid)/children") ?? "").split(separator: " ").compactMap { pid_t($0) }
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = fread(&bytes, 1, bytes.count, file)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
