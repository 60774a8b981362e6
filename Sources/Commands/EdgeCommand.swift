import ArgumentParser
import Comments
import Configuration
import Console
import Diagnostics
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
            The processes share one port; any of them answers any reader. SIGTERM: no new connections, held polls are
            answered over one hold, exit 0; a second SIGTERM ends it at once. SIGHUP reads the configuration anew: where only
            limits have changed the processes take them as they run, else they are replaced one by one.

            Examples:
              tidings edge
              tidings edge --listen 0.0.0.0:8080 --workers 4
            """)

    @OptionGroup var options: GlobalOptions
    @OptionGroup var child: ChildOptions
    @OptionGroup var supervisor: SupervisorOptions
    @OptionGroup(title: "Limits") var limits: EdgeLimitOptions
    @OptionGroup(title: "Access") var access: EdgeAccessOptions
    @OptionGroup var dashboard: DashboardFlags

    @Option(name: .long, help: "HOST:PORT or unix:/PATH. (env TIDINGS_LISTEN; default 127.0.0.1:8080)")
    var listen: String?

    @Option(name: .customLong("listen-descriptors"), help: .hidden)
    var listenDescriptors: String?

    @Option(name: .long, help: "Number of edge processes.")
    var workers: Int = 2

    @Option(
        name: .long,
        help: """
            Seconds that a long-poll is held when its client names no time, 1 to 55. (env TIDINGS_HOLD, key edge.hold; \
            default 25)
            """)
    var hold: Int?

    @Option(
        name: .long,
        help: """
            Seconds in which held polls are answered after SIGTERM. (env TIDINGS_DRAIN, key edge.drain; default: one hold)
            """)
    var drain: Int?

    @Flag(name: .long, help: "Serve the demo page at /.")
    var demo = false

    func validate() throws {
        guard (1...256).contains(workers) else { throw ValidationError("--workers takes 1 to 256") }
        if let hold, !(1...55).contains(hold) { throw ValidationError("--hold takes 1 to 55") }
        if let drain, !(0...3600).contains(drain) { throw ValidationError("--drain takes 0 to 3600") }
    }

    func run() throws {
        let settings = try options.configuration()
        let redis = try options.redisAddress(settings)
        let text = listen ?? Terminal.environment("TIDINGS_LISTEN") ?? settings.listen
        let address: ListenAddress
        do {
            address = try ListenAddress(parsing: text)
        } catch {
            throw CommandError(error.message, exitCode: 2)
        }
        if let id = child.id {
            try runEdge(id, settings, redis, address)
        } else {
            try supervise(settings, redis, address)
        }
    }

    private func supervise(_ settings: Configuration, _ redis: RedisAddress, _ address: ListenAddress) throws {
        // Better one error now than one from each child.
        let shape = try self.shape(settings)
        ChildEnvironment.set(options: options, redis: redis)
        var sockets: PoolSockets?
        var listen = address.description
        if case .tcp(let host, let port) = address {
            let opened = try EdgeCommand.sockets(host: host, port: port, count: workers)
            sockets = opened
            listen = ListenAddress.tcp(host: host, port: opened.port).description
        } else if workers > 1 {
            throw CommandError("several processes cannot share a unix socket; give --workers 1 or a port", exitCode: 2)
        }
        var words = ["--listen", listen] + limits.words + access.words + dashboard.words()
        if let hold { words += ["--hold", String(hold)] }
        if let drain { words += ["--drain", String(drain)] }
        if demo { words.append("--demo") }
        let host = try SupervisorHost(
            settings: settings, redis: redis, logger: options.logger("edge"),
            places: ProcessPool.edges(workers, words: words, sockets: sockets), shape: shape,
            rules: supervisor.rules(memory: 0), reload: { try self.shape(options.configuration()) })
        Terminal.write("edge on \(listen)\n")
        try host.run()
        withExtendedLifetime(sockets) {}
    }

    /// What the configuration makes of the processes.
    ///
    /// - Throws: when they could not work with it.
    private func shape(_ settings: Configuration) throws -> PoolShape {
        _ = try access.options(settings.access)
        let hold = try holdSeconds(settings)
        let seconds = try drainSeconds(settings) ?? hold
        return PoolShape(
            layout: settings.layout, grace: Int64(seconds + 10) * 1000,
            edges: try PoolShape.Edges(settings, limits: limits.limits(settings)))
    }

    private func holdSeconds(_ settings: Configuration) throws -> Int {
        try hold ?? EdgeCommand.seconds(in: "TIDINGS_HOLD", 1...55) ?? settings.hold
    }

    /// Nil: one hold.
    private func drainSeconds(_ settings: Configuration) throws -> Int? {
        try drain ?? EdgeCommand.seconds(in: "TIDINGS_DRAIN", 0...3600) ?? settings.drain
    }

    private static func seconds(in variable: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = Terminal.environment(variable) else { return nil }
        guard let seconds = Int(text), range.contains(seconds) else {
            throw ValidationError("\(variable) is '\(text)'; it takes \(range.lowerBound) to \(range.upperBound)")
        }
        return seconds
    }

    /// The sockets of a pool of edges, or one line on why there are none.
    static func sockets(host: String, port: UInt16, count: Int) throws -> PoolSockets {
        do {
            return try PoolSockets(host: host, port: port, count: count)
        } catch {
            throw CommandError("\(error.message); is the port taken, or is it no address of this machine?")
        }
    }

    private func runEdge(
        _ id: String, _ settings: Configuration, _ redis: RedisAddress, _ address: ListenAddress
    ) throws {
        child.followParent()
        let loop = try EventLoop()
        let logger = try options.logger("edge")
        let connection = RedisConnection(on: loop, to: redis, name: "tidings-edge-\(id)", logger: logger)
        let subscriber = RedisSubscriber(
            on: loop, to: redis, name: "tidings-edge-\(id)-events", publisher: connection, logger: logger)
        let session = PipelineSession(on: loop, connection: connection, layout: settings.layout, logger: logger)
        let sink = PipelineSink(
            layout: settings.layout,
            enqueuer: Enqueuer(layout: settings.layout, limits: settings.limits, connection: connection),
            options: ValidateOptions(maxBytes: settings.eventBytes),
            trouble: {
                if session.isReady || !connection.isReady { return nil }
                return session.refusal?.message ?? "the pipeline in Redis is being looked at; try again"
            })
        let server = EdgeServer(
            on: loop, options: try edgeOptions(settings, address, logger), redis: connection, subscriber: subscriber,
            isServing: { session.isReady }, sink: sink,
            status: DashboardSource(
                connection: connection, pipeline: settings.pipeline, limits: settings.limits),
            logger: logger)
        let beat = Heartbeat(
            on: loop, id: id, role: "edge", stages: [], layout: settings.layout, connection: connection)
        beat.details = {
            [
                ("connections", String(server.connections)), ("readers", String(server.readers)),
                ("listen", address.description), ("limits", server.limitsReached),
            ]
        }
        session.onRefused = { logger.critical("\($0.message)") }
        let drain = { (isReplaced: Bool) in
            beat.stop()
            server.drain(isReplaced: isReplaced) {
                connection.call(.leave(settings.layout, process: id)) { _ in
                    loop.stop()
                }
            }
        }
        let exit = Exit(on: loop, graceful: { drain(false) })
        // Another process with what the configuration says now is there, or about to be started.
        let reload = SignalEvent(on: loop, signal: SIGHUP) { drain(true) }
        let limited = SignalEvent(on: loop, signal: ProcessPool.takeLimitsSignal) {
            do {
                server.adopt(limits: try fittingLimits(try options.configuration(), logger))
                logger.notice("took the limits that the configuration has now")
            } catch {
                logger.error("the limits stay as they are", metadata: ["error": "\(error)"])
            }
        }
        let quiet = SignalEvent(on: loop, signal: SIGTSTP) {
            logger.notice("taking no more connections, on SIGTSTP")
            server.stopAccepting()
        }
        // Whoever connects before Redis is there would hear of it: better to let them wait a moment.
        var failure: CommandError?
        var hasBegun = false
        let begin = {
            guard !hasBegun else { return }
            hasBegun = true
            do {
                try server.start()
            } catch {
                failure = CommandError("\(error)")
                loop.stop()
            }
        }
        let patience = Timer(on: loop, action: begin)
        patience.schedule(after: EdgeCommand.patience)
        session.onReady = {
            beat.start()
            begin()
            server.renew()
        }
        connection.start()
        subscriber.start()
        loop.run()
        server.stop()
        withExtendedLifetime((exit, session, beat, reload, limited, quiet, patience)) {}
        if let failure { throw failure }
    }

    /// How long an edge waits for Redis before it takes connections without it, in milliseconds.
    private static let patience: Int64 = 2000

    private func edgeOptions(
        _ settings: Configuration, _ address: ListenAddress, _ logger: Logger
    ) throws -> EdgeOptions {
        var result = EdgeOptions(address: address, epochKey: settings.layout.epoch)
        result.inheritedSockets = inheritedSockets
        result.holdSeconds = try holdSeconds(settings)
        result.drainSeconds = try drainSeconds(settings)
        result.publicKinds = settings.publicKinds
        result.access = try access.options(settings.access)
        result.limits = try fittingLimits(settings, logger)
        result.proxies = limits.proxies(settings.clients)
        result.files = ClientFiles.all
        if demo { result.page = DemoPage.page }
        result.dashboard = dashboard.setting(settings.dashboard).options(at: address)
        return result
    }

    private var inheritedSockets: [Int32] {
        (listenDescriptors ?? "").split(separator: ",").compactMap { Int32($0) }
    }

    /// The limits, no higher than the system allows.
    private func fittingLimits(_ settings: Configuration, _ logger: Logger) throws -> EdgeLimits {
        var limits = try self.limits.limits(settings)
        let files = EdgeCommand.raiseFileLimit()
        // Nobody has asked for as many as the default says.
        let level: Logger.Level = limits.maxConnections == EdgeLimits().maxConnections ? .notice : .warning
        if limits.fit(files: files, inherited: inheritedSockets.count) {
            logger.log(
                level: level,
                "fewer files may be open than connections are allowed: taking fewer; raise the limit of open files",
                metadata: ["files": "\(files)", "connections": "\(limits.maxConnections)"])
        }
        return limits
    }

    /// Every connection is an open file: takes what the system allows, and gives how many that is.
    private static func raiseFileLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return Int.max }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = soft }
        return Int(clamping: limit.rlim_cur)
    }
}
