import Events
package import Glibc

/// What a supervisor runs in one place of its pool.
package struct ChildSpec {
    /// What kind of process it is.
    package enum Role {
        case worker
        case edge
        /// A program that knows nothing of the pool.
        case program
    }

    /// One start of the child.
    package struct Launch {
        /// The name of the process in the pipeline, as in `NAME:procs` and as owner of lanes. Another one at each
        /// start, so that a lease never passes from a dead worker to its successor.
        package let id: String
        /// The program and its arguments.
        package let arguments: [String]
    }

    /// The name of the place, for the log: `work-1`.
    package let name: String
    package let role: Role
    /// Descriptors that each child inherits under the same numbers.
    package let descriptors: [Int32]
    /// The signal that the kernel sends to the child when this process ends; nil: the child asks the kernel itself
    /// (``ParentDeath``).
    package let parentDeathSignal: Int32?
    /// Called for each start. The parameter is the time, in milliseconds, that the child has to end in order.
    package let launch: (_ grace: Int64) -> Launch

    /// A program under its own name, which gets SIGTERM when this process ends.
    package init(program name: String, arguments: [String]) {
        self.name = name
        role = .program
        descriptors = []
        parentDeathSignal = SIGTERM
        launch = { _ in Launch(id: name, arguments: [name] + arguments) }
    }

    /// A child that runs a command of this program.
    private init(_ command: String, _ role: Role, at index: Int, of pool: String, flags: [String], descriptors: [Int32])
    {
        name = "\(command)-\(index)"
        self.role = role
        self.descriptors = descriptors
        parentDeathSignal = nil
        var starts = 0
        launch = { grace in
            starts += 1
            let id = "\(HostName.current)-\(getpid())-\(pool)-\(command)\(index)-\(starts)"
            let own = ["--child", id, "--parent", String(getpid()), "--grace", String(grace / 1000)]
            return Launch(id: id, arguments: [Subprocess.ownPath, command] + flags + own)
        }
    }

    /// Starts the child once.
    ///
    /// - Parameter launch: a result of ``launch``.
    package func spawn(_ launch: Launch) throws(SpawnError) -> pid_t {
        try Subprocess.spawn(launch.arguments, inheriting: descriptors, parentDeathSignal: parentDeathSignal)
    }

    /// The workers of a new pool.
    ///
    /// - Parameter stages: those that they serve; none: all.
    package static func workers(_ count: Int, stages: [String]) -> [ChildSpec] {
        let pool = newPool()
        return (1...max(1, count)).map {
            ChildSpec("work", .worker, at: $0, of: pool, flags: stages, descriptors: [])
        }
    }

    /// The edges of a new pool.
    ///
    /// - Parameters:
    ///   - flags: those of `tidings edge` that each of them gets.
    ///   - sockets: one for each edge, handed on to it; nil: each edge opens what its flags say.
    ///   - admin: the same for the address for administration.
    package static func edges(
        _ count: Int, flags: [String], sockets: PoolSockets?, admin: PoolSockets? = nil
    ) -> [ChildSpec] {
        let pool = newPool()
        return (1...max(1, count)).map { index in
            var (flags, descriptors) = (flags, [Int32]())
            for (flag, sockets) in [("--listen-descriptors", sockets), ("--admin-descriptors", admin)] {
                guard let handed = sockets?.ordered(first: index - 1) else { continue }
                flags += [flag, handed.map(String.init).joined(separator: ",")]
                descriptors += handed
            }
            return ChildSpec("edge", .edge, at: index, of: pool, flags: flags, descriptors: descriptors)
        }
    }

    /// Tells a pool from all others, ever. The host's name and the process id do not: containers share them.
    private static func newPool() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36)
    }
}
