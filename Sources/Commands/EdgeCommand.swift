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

/// `tidings edge`: edge processes under a supervisor, all on one port.
struct EdgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Run edges: they push events to readers over HTTP and take comments by POST.",
        discussion: """
            Examples:
              tidings edge
              tidings edge --listen 0.0.0.0:8080 --workers 4 --write token

            The processes share one port; any of them answers any reader. SIGTERM: no new connections, held polls are
            answered over one hold, exit 0; a second SIGTERM ends it at once. SIGHUP reads the configuration anew: where only
            limits have changed the processes take them as they run, else they are replaced one by one.
            """)

    enum Group: SettingGroup {
        static let settings: [any SettingDeclaration] = [
            Settings.Edge.listen, Settings.Processes.edges, Settings.Edge.hold, Settings.Edge.drain,
        ]
    }

    struct DemoFlags: ParsableArguments {
        @Flag(name: .flag(Settings.Processes.demo), help: ArgumentHelp(Settings.Processes.demo))
        var demo = Settings.Processes.demo.defaultValue
    }

    // What is needed first stands first in the help.
    @OptionGroup(title: "Common options") var flags: SettingFlags<Group>
    @OptionGroup(title: "Common options") var demoFlags: DemoFlags
    @OptionGroup(title: "Common options") var options: GlobalFlags
    @OptionGroup(title: "Access") var access: EdgeAccessFlags
    @OptionGroup(title: "Access") var administration: AdminFlags
    @OptionGroup(title: "Access") var proxies: EdgeProxyFlags
    @OptionGroup(title: "Supervision") var supervisor: SupervisorFlags
    @OptionGroup var limits: EdgeLimitFlags
    @OptionGroup var child: ChildFlags

    @Option(name: .customLong("listen-descriptors"), help: .hidden)
    var listenDescriptors: String?

    @Option(name: .customLong("admin-descriptors"), help: .hidden)
    var adminDescriptors: String?

    private var demo: Bool { demoFlags.demo }

    func run() throws {
        let settings = try options.configuration()
        let redis = try options.redisAddress(settings)
        let text = try flags.value(Settings.Edge.listen, file: settings.edge.listen)
        let address = try EdgeCommand.address(text)
        if let id = child.id {
            child.followParent()
            try EdgeProcess(process(id, settings, redis, address), logger: options.logger("edge")).run()
        } else {
            try supervise(settings, redis, address)
        }
    }

    private func supervise(_ settings: Configuration, _ redis: RedisAddress, _ address: ListenAddress) throws {
        // One error now is better than one from each child.
        let shape = try self.shape(settings, address)
        let workers = flags.flag(Settings.Processes.edges)
        ChildFlags.setEnvironment(options, redis: redis)
        var listen: (address: ListenAddress, sockets: PoolSockets?) = (address, nil)
        if case .tcp = address {
            listen = try EdgeCommand.sockets(at: address, count: workers)
        } else if workers > 1 {
            throw CommandError("several processes cannot share a unix socket; give --workers 1 or a port", exitCode: 2)
        }
        let admin = try adminAddress(settings).map { try EdgeCommand.sockets(at: $0, count: workers) }
        var words = ["--listen", listen.address.description] + limits.words + access.words + proxies.words
        words += administration.dashboard.words()
        if let admin { words += ["--admin", admin.address.description] }
        words += flags.words(of: [Settings.Edge.hold, Settings.Edge.drain])
        if demo { words.append("--demo") }
        let children = ChildSpec.edges(workers, flags: words, sockets: listen.sockets, admin: admin?.sockets)
        let host = SupervisorHost(
            on: try EventLoop(), name: "tidings-supervisor", redis: redis, children: children, shape: shape,
            rules: supervisor.rules(memory: 0),
            summary: "\(settings.pipeline): \(children.map(\.name).joined(separator: ", "))",
            logger: try options.logger("edge"), reload: { try self.shape(options.configuration(), address) })
        host.onStarted = { [unowned host] in host.ready() }
        Terminal.write("edge on \(listen.address)\n" + (admin.map { "administration on \($0.address)\n" } ?? ""))
        try host.run(takesQuiet: true)
        withExtendedLifetime((listen, admin)) {}
    }

    /// What the configuration says about the processes.
    ///
    /// - Throws: when they could not work with it.
    private func shape(_ settings: Configuration, _ address: ListenAddress) throws -> PoolShape {
        _ = try access.options(settings.access, isLocal: address.isLoopback)
        let hold = try holdSeconds(settings)
        let seconds = try drainSeconds(settings) ?? hold
        return PoolShape(
            layout: settings.layout, grace: Int64(seconds + 10) * 1000,
            edges: try PoolShape.Edges(settings, limits: limits.limits(settings)))
    }

    private func holdSeconds(_ settings: Configuration) throws -> Int {
        try flags.value(Settings.Edge.hold, file: settings.edge.hold)
    }

    /// Nil: as long as a long-poll is held.
    private func drainSeconds(_ settings: Configuration) throws -> Int? {
        try flags.value(Settings.Edge.drain, file: settings.edge.drain)
    }

    static func address(_ text: String) throws -> ListenAddress {
        do {
            return try ListenAddress(parsing: text)
        } catch {
            throw CommandError(error.message, exitCode: 2)
        }
    }

    /// The address for administration; nil: there is none.
    private func adminAddress(_ settings: Configuration) throws -> ListenAddress? {
        try administration.address(settings.edge).map(EdgeCommand.address)
    }

    /// The sockets of a pool of edges, and the address with the port in use; or one line on why there are none.
    static func sockets(
        at address: ListenAddress, count: Int
    ) throws -> (address: ListenAddress, sockets: PoolSockets?) {
        do {
            switch address {
            case .tcp(let host, let port):
                let sockets = try PoolSockets(host: host, port: port, count: count)
                return (.tcp(host: host, port: sockets.port), sockets)
            case .unix(let path): return (address, try PoolSockets(unix: path))
            }
        } catch {
            throw CommandError("\(error.message); is the port taken, or is it no address of this machine?")
        }
    }

    /// What one edge needs to know.
    private func process(
        _ id: String, _ settings: Configuration, _ redis: RedisAddress, _ address: ListenAddress
    ) throws -> EdgeProcess.Options {
        EdgeProcess.Options(
            id: id, layout: settings.layout, redis: redis, limits: settings.limits, intake: settings.intake,
            edge: try edgeOptions(settings, address),
            reloadLimits: { try limits.limits(options.configuration()) })
    }

    private func edgeOptions(_ settings: Configuration, _ address: ListenAddress) throws -> EdgeOptions {
        var result = EdgeOptions(address: address, epochKey: settings.layout.epoch)
        result.inheritedSockets = (listenDescriptors ?? "").split(separator: ",").compactMap { Int32($0) }
        result.adminSockets = (adminDescriptors ?? "").split(separator: ",").compactMap { Int32($0) }
        // As the supervisor found it: a later configuration moves neither address.
        result.admin = try administration.text.map(EdgeCommand.address)
        result.hosts = access.hosts(settings.edge)
        result.holdSeconds = try holdSeconds(settings)
        result.drainSeconds = try drainSeconds(settings)
        result.publicKinds = settings.edge.publicKinds
        result.access = try access.options(settings.access, isLocal: address.isLoopback)
        result.limits = try limits.limits(settings)
        result.proxies = proxies.proxies(settings.edge)
        result.files = ClientFiles.all
        if demo { result.page = DemoPage.page }
        let isApart = result.admin != nil
        result.dashboard = administration.dashboard.setting(settings.edge.dashboard, isApart: isApart)
            .options(at: address, isApart: isApart)
        return result
    }
}

extension PoolShape.Edges {
    /// - Parameter limits: the limits of an edge, from flags, environment and file.
    init(_ settings: Configuration, limits: EdgeLimits) throws {
        // A key whose file has other content is another key.
        self.init(limits: limits, rest: [AnyHashable(settings.rest), AnyHashable(try settings.access.digest())])
    }
}
