import Glibc

/// Limits of the host that this process runs on. Nil: the host does not tell.
struct SystemFacts {
    var processors: Int?
    /// Open files a process may have, once it has raised its soft limit.
    var filesHard: Int64?
    /// Connections that may wait on a socket to be accepted.
    var acceptQueue: Int64?
    /// Connections that may be half open.
    var synQueue: Int64?
    /// Ports for outgoing connections.
    var ports: ClosedRange<Int64>?
    var memoryTotal: Int64?
    var memoryAvailable: Int64?
    /// vm.overcommit_memory.
    var overcommit: Int64?
    /// Whether transparent huge pages are always on.
    var hugePagesAlways: Bool?
    /// Bytes free where Redis keeps its files, and that folder; only when Redis runs on this host.
    var diskFree: Int64?
    var diskPath: String?

    /// The limits of this host now.
    ///
    /// - Parameter redisFolder: where Redis keeps its files, when it runs on this host.
    static func current(redisFolder: String?) -> SystemFacts {
        var facts = SystemFacts()
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        facts.processors = processors > 0 ? processors : nil
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            facts.filesHard = Int64(clamping: limit.rlim_max)
        }
        facts.acceptQueue = number(in: "/proc/sys/net/core/somaxconn")
        facts.synQueue = number(in: "/proc/sys/net/ipv4/tcp_max_syn_backlog")
        facts.overcommit = number(in: "/proc/sys/vm/overcommit_memory")
        facts.hugePagesAlways = read("/sys/kernel/mm/transparent_hugepage/enabled").map { $0.contains("[always]") }
        if let words = read("/proc/sys/net/ipv4/ip_local_port_range")?.split(whereSeparator: \.isWhitespace),
            words.count == 2, let low = Int64(words[0]), let high = Int64(words[1]), low <= high
        {
            facts.ports = low...high
        }
        let memory = read("/proc/meminfo").map(memoryFields) ?? [:]
        facts.memoryTotal = memory["MemTotal"]
        facts.memoryAvailable = memory["MemAvailable"]
        if let redisFolder {
            var disk = statvfs()
            if statvfs(redisFolder, &disk) == 0 {
                facts.diskPath = redisFolder
                facts.diskFree = Int64(clamping: UInt64(disk.f_bavail) * UInt64(disk.f_frsize))
            }
        }
        return facts
    }

    /// The fields of /proc/meminfo, in bytes.
    static func memoryFields(_ text: String) -> [String: Int64] {
        var fields: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == ":" || $0 == " " })
            guard words.count >= 2, let kilobytes = Int64(words[1]) else { continue }
            fields[String(words[0])] = kilobytes * 1024
        }
        return fields
    }

    private static func number(in path: String) -> Int64? {
        read(path).flatMap { Int64($0.prefix { !$0.isWhitespace }) }
    }

    /// The first 8 KiB of a file of /proc or /sys; nil when it cannot be read.
    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
