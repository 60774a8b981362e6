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
            Examples:
              tidings up                                            a page at port 8080
              tidings up --listen 127.0.0.1:9000 --data ./second    another one
              tidings up --listen 0.0.0.0:80 --write open --redis redis://10.0.0.5:6379/0

            Starts a redis-server of its own in the data folder unless --redis, TIDINGS_REDIS or tidings.yaml names one. \
            Ctrl-C stops all it started.
            """)

    enum Group: SettingGroup {
        static let settings: [any SettingDeclaration] = [
            Settings.Edge.listen, Settings.Processes.workersOfUp, Settings.Processes.edgesOfUp,
        ]
    }

    enum OwnRedis: SettingGroup {
        static let settings: [any SettingDeclaration] = [
            Settings.Processes.redisPort, Settings.Processes.redisMemory,
        ]
    }

    struct DemoFlags: ParsableArguments {
        @Flag(
            name: .flag(Settings.Processes.demoOfUp), inversion: .prefixedNo,
            help: ArgumentHelp(Settings.Processes.demoOfUp))
        var demo: Bool?
    }

    // What is needed first stands first in the help.
    @OptionGroup(title: "Common options") var flags: SettingFlags<Group>
    @OptionGroup(title: "Common options") var demoFlags: DemoFlags
    @OptionGroup(title: "Common options") var options: GlobalFlags
    @OptionGroup(title: "Access") var access: EdgeAccessFlags
    @OptionGroup(title: "Access") var administration: AdminFlags
    @OptionGroup(title: "Access") var proxies: EdgeProxyFlags
    @OptionGroup(title: "Its own Redis") var ownRedis: SettingFlags<OwnRedis>
    @OptionGroup(title: "Supervision") var supervisor: SupervisorFlags
    @OptionGroup var limits: EdgeLimitFlags

    fileprivate var demo: Bool { demoFlags.demo ?? Settings.Processes.demoOfUp.defaultValue }
    fileprivate var workers: Int { flags.flag(Settings.Processes.workersOfUp) }
    fileprivate var edges: Int { flags.flag(Settings.Processes.edgesOfUp) }
    fileprivate var redisPort: UInt16 { UInt16(ownRedis.flag(Settings.Processes.redisPort)) }

    func run() throws {
        let settings = try options.configuration()
        let address = try flags.value(Settings.Edge.listen, file: settings.edge.listen)
        let admin = try administration.address(settings.edge)
        try UpRun(self, settings: settings, listen: address, admin: admin).run()
    }

    /// What the configuration says about the processes.
    ///
    /// - Throws: when they could not work with it.
    fileprivate func shape(_ settings: Configuration) throws -> PoolShape {
        try settings.checkStages()
        let listen = try flags.value(Settings.Edge.listen, file: settings.edge.listen)
        _ = try access.options(settings.access, isLocal: EdgeCommand.address(listen).isLoopback)
        return PoolShape(
            layout: settings.layout, grace: 12_000,
            edges: try PoolShape.Edges(settings, limits: limits.limits(settings)))
    }
}

/// One run of `up`: the host of its pool, with a redis-server of its own where none is named, and the lines that say
/// where everything is.
private final class UpRun {
    private let command: Up
    private let settings: Configuration
    private let loop: EventLoop
    private let host: SupervisorHost
    private let sockets: PoolSockets
    private let admin: (address: ListenAddress, sockets: PoolSockets?)?
    private let name: String
    private let redis: RedisAddress
    /// The loopback port of its own redis-server; 0: none.
    private let redisPort: UInt16
    private lazy var announcement = Timer(on: loop) { [unowned self] in self.announceWhenReachable() }

    /// Seconds within which long-polls are answered when everything stops.
    private static let drain = "1"
    /// Time between two looks whether an edge accepts connections, in milliseconds.
    private static let reachabilityInterval: Int64 = 20

    init(_ command: Up, settings: Configuration, listen: String, admin: String?) throws {
        self.command = command
        self.settings = settings
        let loop = try EventLoop()
        self.loop = loop
        let logger = try command.options.logger("up")
        guard case .tcp(let name, let wanted) = try EdgeCommand.address(listen) else {
            throw CommandError("--listen takes HOST:PORT here; for a unix socket run 'tidings edge'", exitCode: 2)
        }
        self.name = name
        let shape = try command.shape(settings)
        do {
            sockets = try PoolSockets(host: name, port: wanted, count: command.edges)
        } catch {
            throw CommandError(
                "\(error.message): the port is taken, or it is no address of this machine; try --listen 127.0.0.1:0")
        }
        self.admin = try admin.map { try EdgeCommand.sockets(at: EdgeCommand.address($0), count: command.edges) }
        var server: Supervisor?
        if let named = try command.options.namedRedis(settings) {
            (redis, redisPort) = (named, 0)
        } else {
            let own = try UpRun.prepare(command)
            (redis, redisPort) = (RedisAddress(endpoint: .unix(path: own.folder.socket)), own.port)
            server = Supervisor(on: loop, children: [own.child], grace: 20_000, logger: logger)
        }
        ChildFlags.setEnvironment(command.options, redis: redis)
        let flags =
            ["--listen", "\(name):\(sockets.port)", "--drain", UpRun.drain] + (command.demo ? ["--demo"] : [])
            + command.administration.dashboard.words(isLocal: true) + command.limits.words + command.access.words
            + command.proxies.words
            + (self.admin.map { ["--admin", $0.address.description] } ?? [])
        host = SupervisorHost(
            on: loop, name: "tidings-up", redis: redis, server: server,
            children: ChildSpec.workers(command.workers, stages: [])
                + ChildSpec.edges(command.edges, flags: flags, sockets: sockets, admin: self.admin?.sockets),
            shape: shape, rules: command.supervisor.rules(memory: 1 << 30),
            summary: "\(settings.pipeline): \(name):\(sockets.port)", logger: logger,
            reload: { try command.shape(command.options.configuration()) })
        server?.onGaveUp = { [unowned host] _ in
            host.fail(
                CommandError("redis-server does not start; see redis.log in \(command.options.dataPath)"))
        }
    }

    /// Makes the folder and the configuration of its own redis-server.
    private static func prepare(_ command: Up) throws -> EmbeddedRedis {
        guard EmbeddedRedis.isInstalled else {
            throw CommandError(
                "there is no redis-server on this machine; install it (apt-get install redis-server) or name one with --redis URL"
            )
        }
        let folder = DataFolder(path: command.options.dataPath)
        try folder.create()
        try folder.takeLock()
        let port = command.redisPort != 0 && LocalPort.isFree(command.redisPort) ? command.redisPort : 0
        let memory = command.ownRedis.flag(Settings.Processes.redisMemory) ?? EmbeddedRedis.halfOfMachine
        let server = EmbeddedRedis(folder: folder, port: port, memory: memory)
        try server.writeConfiguration()
        return server
    }

    func run() throws {
        host.onStarted = { [unowned self] in self.announcement.schedule(after: UpRun.reachabilityInterval) }
        host.onStopping = { [unowned self] in
            self.announcement.cancel()
            if self.host.failure == nil { Terminal.writeError("\nstopping…\n") }
        }
        host.onReloadFailed = { Terminal.writeError("nothing was changed: \($0)\n") }
        // Ctrl-Z suspends it, as it does any program in a terminal.
        try host.run(takesQuiet: false)
    }

    private func announceWhenReachable() {
        guard LocalPort.accepts(host: name, port: sockets.port) else {
            return announcement.schedule(after: UpRun.reachabilityInterval)
        }
        let address = UpRun.url(.tcp(host: name, port: sockets.port))
        let client =
            redisPort != 0
            ? (redisPort == 6379 ? "redis-cli" : "redis-cli -p \(redisPort)")
            : { if case .unix(let path) = redis.endpoint { "redis-cli -s \(path)" } else { "redis-cli -u \(redis)" } }()
        // As it was called here: after `make run` it is not on the path.
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
        host.ready()
    }

    /// Where the dashboard is, when there is one.
    private func dashboard(at address: String) -> String {
        let isApart = admin != nil
        let configured = settings.edge.dashboard ?? (isApart ? .everyone : .local)
        let options = command.administration.dashboard.setting(configured, isApart: isApart)
            .options(at: .tcp(host: name, port: sockets.port), isApart: isApart)
        let place = admin.map { UpRun.url($0.address) }
        let page = options == nil ? "" : "   or \(place ?? address)/dashboard"
        return page + (place.map { "\n  metrics  \($0)/metrics" } ?? "")
    }

    /// Where a browser, or a client of a unix socket, finds an address.
    private static func url(_ address: ListenAddress) -> String {
        guard case .tcp(let host, let port) = address else { return "\(address)" }
        return host.isEmpty || host == "0.0.0.0" ? "http://127.0.0.1:\(port)" : "http://\(address)"
    }
}
