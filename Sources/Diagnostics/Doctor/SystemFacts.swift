/// Limits of the host that this runs on. Nil: not to be had here.
struct SystemFacts {
    var processors: Int?
    /// Open files a process may have, once it has raised its soft limit.
    var filesHard: Int64?
    /// Connections waiting to be accepted on a socket.
    var acceptQueue: Int64?
    /// Connections half open.
    var synQueue: Int64?
    /// Ports for outgoing connections.
    var ports: ClosedRange<Int64>?
    var memoryTotal: Int64?
    var memoryAvailable: Int64?
    /// vm.overcommit_memory.
    var overcommit: Int64?
    /// Whether transparent huge pages are always on.
    var hugePagesAlways: Bool?
    /// Bytes free where Redis keeps its files, and that folder; only when Redis runs here.
    var diskFree: Int64?
    var diskPath: String?
}
