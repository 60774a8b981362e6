package import Glibc

/// The name of this machine.
package enum HostName {
    /// The name that gethostname(2) gives, at most 255 bytes of it. Looked up once.
    package static let current: String = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, 255)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()
}

/// The memory of a process, from /proc.
package enum ProcessMemory {
    /// The resident memory of a process in KiB; 0 when there is no such process. Source: proc(5), `statm`.
    package static func residentKilobytes(of pid: pid_t = getpid()) -> Int {
        guard let file = fopen("/proc/\(pid)/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let words = line.prefix { $0 != 0 }.split(separator: CChar(bitPattern: UInt8(ascii: " ")))
        guard words.count > 1, let pages = Int(String(decoding: words[1].map(UInt8.init(bitPattern:)), as: UTF8.self))
        else { return 0 }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE))) / 1024
    }
}
