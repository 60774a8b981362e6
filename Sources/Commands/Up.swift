import ArgumentParser
import Configuration
import Console
import Edge
import Events
import Glibc
import Logging
import Pipeline
import Redis
import Store
import Supervision

/// `tidings up`: everything on one machine.
struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the whole pipeline on this machine: Redis, workers, edges, demo page.",
        discussion: """
            Starts a redis-server of its own in the data folder unless --redis, TIDINGS_REDIS or tidings.yaml names one. \
            Ctrl-C stops all it started.

            Examples:
              tidings up
              tidings up --listen 0.0.0.0:80 --redis redis://10.0.0.5:6379/0
            """)

    @OptionGroup var options: GlobalOptions
    @OptionGroup var supervisor: SupervisorOptions
    @OptionGroup var dashboard: DashboardFlags
    @OptionGroup(title: "Limits of an edge") var limits: EdgeLimitOptions
    @OptionGroup(title: "Access") var access: EdgeAccessOptions

    @Option(name: .long, help: "Where readers connect: HOST:PORT. (env TIDINGS_LISTEN; default 127.0.0.1:8080)")
    var listen: String?

    @Option(name: .long, help: "Number of worker processes.")
    var workers: Int = 2

    @Option(name: .long, help: "Number of edge processes.")
    var edges: Int = 2

    @Option(
        name: .long,
        help: "Loopback port of the embedded Redis, besides its socket, when that port is free. 0: socket only.")
    var redisPort: UInt16 = 6379

    @Option(
        name: .long,
        help: "Memory that the embedded Redis may use: 512MB, 4GB; 0: no limit. (default: half of this machine's)")
    var redisMemory: String?

    @Flag(name: .long, inversion: .prefixedNo, help: "Serve the demo page at /.")
    var demo = true

    /// Less is no use: functions and buffers take their share.
    private static let leastMemory = 64 << 20

    func validate() throws {
        guard (1...256).contains(workers), (1...256).contains(edges) else {
            throw ValidationError("--workers and --edges take 1 to 256")
        }
        if let redisMemory, ByteSize.bytes(redisMemory).map({ $0 != 0 && $0 < Up.leastMemory }) ?? true {
            throw ValidationError("--redis-memory takes a size of 64MB or more, such as 512MB, or 0 for no limit")
        }
    }

    func run() throws {
        let settings = try options.configuration()
        let address = listen ?? Terminal.environment("TIDINGS_LISTEN") ?? settings.listen
        try UpRun(self, settings: settings, shape: self.shape(settings), listen: address).run()
    }

    /// What the configuration makes of the processes.
    ///
    /// - Throws: when they could not work with it.
    fileprivate func shape(_ settings: Configuration) throws -> PoolShape {
        try settings.checkStages()
        _ = try access.options(settings.access)
        return PoolShape(
            layout: settings.layout, grace: 12_000,
            edges: try PoolShape.Edges(settings, limits: limits.limits(settings)))
    }
}

/// One run of `up`, from the first process to the last.
private final class UpRun {
    private let command: Up
    private let settings: Configuration
    private var shape: PoolShape
    private let loop: EventLoop
    private let host: String
    private let sockets: PoolSockets
    private var port: UInt16 { sockets.port }
    private let redis: RedisAddress
    private let connection: RedisConnection
    private let session: PipelineSession
    /// The embedded server; nil where somebody else's is used.
    private let server: Supervisor?
    private let serverPort: UInt16
    private let pool: ProcessPool
    private let manager = ServiceManager()
    private var hasStarted = false
    private var isStoppingServer = false
    private var failure: CommandError?
    private lazy var announcement = Timer(on: loop) { [unowned self] in self.announceWhenReachable() }

    /// Held polls are answered within this time when everything stops, in seconds.
    private static let drain = "1"

    init(_ command: Up, settings: Configuration, shape: PoolShape, listen: String) throws {
        self.command = command
        self.settings = settings
        self.shape = shape
        loop = try EventLoop()
        let logger = try command.options.logger("up")
        guard case .tcp(let host, let wanted) = try UpRun.address(listen) else {
            throw CommandError("--listen takes HOST:PORT here; for a unix socket run 'tidings edge'", exitCode: 2)
        }
        do {
            sockets = try PoolSockets(host: host, port: wanted, count: command.edges)
        } catch {
            throw CommandError(
                "\(error.message): the port is taken, or it is no address of this machine; try --listen 127.0.0.1:0")
        }
        self.host = host
        if let named = try command.options.namedRedis(settings) {
            (redis, server, serverPort) = (named, nil, 0)
        } else {
            let folder = DataFolder(path: command.options.dataPath)
            (redis, serverPort, server) = try UpRun.prepare(
                folder, port: command.redisPort, memory: command.redisMemory.flatMap(ByteSize.bytes), on: loop,
                logger: logger)
        }
        ChildEnvironment.set(options: command.options, redis: redis)
        connection = RedisConnection(on: loop, to: redis, name: "tidings-up-\(getpid())", logger: logger)
        session = PipelineSession(on: loop, connection: connection, layout: settings.layout, logger: logger)
        pool = ProcessPool(
            on: loop,
            places: ProcessPool.workers(command.workers, stages: [])
                + ProcessPool.edges(
                    command.edges,
                    words: ["--listen", "\(host):\(sockets.port)", "--drain", UpRun.drain]
                        + (command.demo ? ["--demo"] : []) + command.dashboard.words(isLocal: true)
                        + command.limits.words + command.access.words, sockets: sockets),
            grace: shape.grace, rules: try command.supervisor.rules(memory: 1 << 30), connection: connection,
            pipeline: settings.pipeline, logger: logger)
    }

    private static func address(_ listen: String) throws -> ListenAddress {
        do {
            return try ListenAddress(parsing: listen)
        } catch {
            throw CommandError(error.message, exitCode: 2)
        }
    }

    private static func prepare(
        _ folder: DataFolder, port: UInt16, memory: Int?, on loop: EventLoop, logger: Logger
    ) throws -> (RedisAddress, UInt16, Supervisor) {
        guard EmbeddedRedis.isInstalled else {
            throw CommandError(
                "there is no redis-server on this machine; install it (apt-get install redis-server) or name one with --redis URL"
            )
        }
        try folder.create()
        try folder.takeLock()
        let free = port != 0 && EmbeddedRedis.isFree(port: port) ? port : 0
        let server = EmbeddedRedis(folder: folder, port: free, memory: memory ?? EmbeddedRedis.halfOfMachine)
        try server.writeConfiguration()
        let supervisor = Supervisor(on: loop, places: [server.place], grace: 20_000, logger: logger)
        return (RedisAddress(endpoint: .unix(path: folder.socket)), free, supervisor)
    }

    func run() throws {
        session.onReady = { [unowned self] in
            self.pool.redisIsReady()
            guard !self.hasStarted else { return }
            self.hasStarted = true
            self.pool.start()
            self.announcement.schedule(after: 20)
        }
        session.onRefused = { [unowned self] error in
            if !self.hasStarted { self.end(CommandError(error.message)) }
        }
        pool.onGaveUp = { [unowned self] in self.end(CommandError("\($0) dies again and again; see the log above")) }
        pool.onStopped = { [unowned self] in self.stopServer() }
        server?.onGaveUp = { [unowned self] _ in
            self.end(CommandError("redis-server does not start; see redis.log in \(self.command.options.dataPath)"))
        }
        server?.onStopped = { [unowned self] in self.loop.stop() }
        let exit = Exit(
            on: loop,
            graceful: { [unowned self] in
                Terminal.writeError("\nstopping…\n")
                self.stop()
            },
            // The leases of killed children are ended first, so that other pools can take their lanes at once.
            immediate: { [unowned self] in if self.hasStarted { self.pool.stop() } })
        let reload = SignalEvent(on: loop, signal: SIGHUP) { [unowned self] in self.renew() }
        let reaper = OrphanReaper(on: loop) { [unowned self] in self.pool.owns($0) || self.server?.owns($0) == true }
        server?.start()
        connection.start()
        loop.run()
        reaper.close()
        withExtendedLifetime((exit, reload)) {}
        if let failure { throw failure }
    }

    private func renew() {
        do {
            let found = try command.shape(command.options.configuration())
            guard found.layout == shape.layout else {
                throw CommandError("stages or partitions differ from those that run: stop it, then start it anew")
            }
            let isLimitsOnly = found.differsOnlyInLimits(from: shape)
            shape = found
            manager?.reloading()
            if isLimitsOnly { pool.takeLimits() } else { pool.renew() }
            manager?.ready(on: loop, status: summary)
        } catch {
            Terminal.writeError("nothing was changed: \(error)\n")
        }
    }

    private func end(_ error: CommandError) {
        failure = failure ?? error
        stop()
    }

    /// What a service manager shows.
    private var summary: String { "\(settings.pipeline): \(host):\(port)" }

    private func stop() {
        announcement.cancel()
        manager?.stopping()
        if hasStarted { pool.stop() } else { stopServer() }
    }

    /// Redis goes last: what the others had in hand is in it.
    private func stopServer() {
        // A second word would kill it.
        guard !isStoppingServer else { return }
        isStoppingServer = true
        connection.stop()
        if let server { server.stop() } else { loop.stop() }
    }

    private func announceWhenReachable() {
        guard Reachability.accepts(host: host, port: port) else { return announcement.schedule(after: 20) }
        let shown = host.isEmpty || host == "0.0.0.0" ? "127.0.0.1" : host
        let address = "http://\(shown):\(port)"
        let client =
            serverPort != 0
            ? (serverPort == 6379 ? "redis-cli" : "redis-cli -p \(serverPort)")
            : { if case .unix(let path) = redis.endpoint { "redis-cli -s \(path)" } else { "redis-cli -u \(redis)" } }()
        // As it was called here: after `make run` it is on nobody's path.
        let program = CommandLine.arguments.first ?? "tidings"
        Terminal.write(
            """
            Tidings is running: \(address)/
              page     \(command.demo ? "\(address)/   (open it in two windows)" : "off (--demo shows one)")
              read     curl '\(address)/v1/channels/thread:lobby?offset=-1'
              write    \(client) RPUSH \(settings.pipeline):incoming '{"thread":"lobby","text":"hello"}'
              watch    \(program) status --watch\(dashboard(at: address))
              stop     Ctrl-C

            """)
        manager?.ready(on: loop, status: summary)
    }

    /// Where the dashboard is, when there is one.
    private func dashboard(at address: String) -> String {
        let setting = command.dashboard.setting(settings.dashboard ?? .local)
        let options = setting.options(at: .tcp(host: host, port: port))
        return options == nil ? "" : "   or \(address)/dashboard"
    }
}
