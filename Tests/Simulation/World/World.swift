import Edge
import Events
import JSON
package import Logging
import Pipeline
import Redis
import Store

/// The world of one schedule after the other: a server, the network, processes, readers, operators, and the time.
///
/// There is one for the whole process, since it moves the process's clocks. Methods that belong to one subject stand in
/// extensions.
package final class World: SimulationWorld {
    let server: SimulatedServer
    let network = SimulatedNetwork()
    let parser = JSONParser(maxBytes: 4 << 20)
    /// Where the processes log to.
    private let logger: Logger

    var options = SimulationOptions()
    /// The configuration that processes start with.
    var settings: [Step.Setting: Int64] = [:]
    /// By name.
    var actors: [Step.ProcessName: SimulatedProcess] = [:]
    /// Processes that died and were not buried: their ids, oldest first, by name.
    var unburied: [Step.ProcessName: [(id: String, ending: ProcessEnding)]] = [:]
    var readers: [Step.ReaderName: SimulatedReader] = [:]
    /// Milliseconds of virtual time.
    package var now: Int64 = 0
    /// By how much the server's clock is ahead.
    var clockOffset: Int64 = 0

    /// The server's data when they were looked at last.
    var lastSnapshot = ServerSnapshot()
    /// Whether nothing can have changed them since, and no time has passed.
    var isSnapshotCurrent = false
    /// Whether the server was asked to do something since.
    var hasToLook = true
    package var dataVersion = 0

    private var observations: [Observation] = []
    /// The ids of processes that have ended in order, once that is known.
    private var reaped: Set<String> = []
    private var starts: [Step.ProcessName: Int] = [:]
    private var stumbled: [Int: Int] = [:]
    /// Told what happens at the server, for a trace: one line each.
    package var onTrace: ((String) -> Void)?

    /// Where the clocks begin: monotonic in milliseconds, and of the day in milliseconds since 1970.
    static let monotonicStart: Int64 = 1_000_000
    static let dayStart: Int64 = 1_790_000_000_000
    static let pipeline = "sim"
    /// How often `stumble` fails.
    private static let stumbles = 2

    /// Starts the server.
    ///
    /// - Parameter logger: of the processes; nil: they are silent.
    package init(logger: Logger? = nil) throws {
        self.logger = logger ?? World.silence
        server = try SimulatedServer(time: World.dayStart, pipeline: World.pipeline)
        setClocks()
    }

    private static let silence: Logger = {
        var logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return logger
    }()

    /// Ends everything, and begins a new schedule with an empty server.
    package func reset(_ options: SimulationOptions) throws {
        for name in actors.keys.sorted() { actors[name]?.dispose() }
        actors = [:]
        network.clear()
        (unburied, readers, starts, stumbled, observations, reaped) = ([:], [:], [:], [:], [], [])
        (now, clockOffset) = (0, 0)
        setClocks()
        try server.wipe()
        hasToLook = true
        self.options = options
        settings = [
            .history: Int64(options.history), .ttl: options.ttl, .partitions: Int64(options.partitions), .stages: 0,
        ]
    }

    // MARK: Time

    /// The monotonic clock in nanoseconds.
    var clock: Int64 { (World.monotonicStart + now) * 1_000_000 }

    func setClocks() {
        Clock.simulate(monotonicNanoseconds: clock, unixMilliseconds: World.dayStart + now)
        server.set(time: World.dayStart + now + clockOffset)
        isSnapshotCurrent = false
    }

    package func nextTimer() -> Int64? {
        actors.values.filter(\.isAwake).compactMap { process in
            if process.isDue(at: clock) { return 0 }
            return process.timers.nextDue.map { ($0 - clock + 999_999) / 1_000_000 }
        }.min()
    }

    // MARK: Steps

    package func enabled() -> [Step] {
        var steps: [Step] = []
        for link in network.all {
            if link.isConnecting { steps += [.open(link.name), .refuse(link.name)] }
            if link.canExecute { steps.append(.execute(link.name)) }
            let isAwake = actors[link.process]?.isAwake ?? false
            if link.canDeliver, isAwake { steps.append(.deliver(link.name)) }
            if link.socket != nil, isAwake || link.isOrphan { steps.append(.cut(link.name)) }
        }
        for (name, process) in actors.sorted(by: { $0.key < $1.key }) {
            if process.isDue(at: clock) { steps.append(.run(name)) }
            switch process.life {
            case .running:
                steps += [.stop(name), .quiet(name), .kill(name), .lose(name), .freeze(name)]
            case .ending: steps += [.kill(name), .lose(name), .freeze(name)]
            case .frozen: steps += [.thaw(name), .kill(name), .lose(name)]
            case .dead, .gone: steps.append(.start(name))
            }
            if unburied[name]?.isEmpty == false { steps.append(.bury(name)) }
        }
        return steps
    }

    package func apply(_ step: Step) -> [Observation] {
        observations = []
        switch step {
        case .advance(let time):
            now += max(0, time)
            setClocks()
        case .stepClock(let time):
            clockOffset += time
            setClocks()
            hasToLook = true
            observe(.clockStepped(time))
        case .run(let name): if let process = actors[name], process.isDue(at: clock) { process.run(at: clock) }
        case .open(let link): open(link)
        case .refuse(let link): refuse(link)
        case .execute(let link): execute(link)
        case .deliver(let link): deliver(link)
        case .cut(let link): cut(link)
        case .start(let name): start(name)
        case .stop(let name): stop(name)
        case .quiet(let name): if let process = running(name) { process.turn { process.machine?.quiet() } }
        case .kill(let name): end(name, isSeen: true)
        case .lose(let name): end(name, isSeen: false)
        case .bury(let name): bury(name)
        case .freeze(let name): freeze(name)
        case .thaw(let name): thaw(name)
        case .push(let event): push(event)
        case .post(let edge, let event): post(event, to: edge)
        case .seek(let reader, let channel, let place): seek(reader, channel, place)
        case .poll(let reader, let edge, let isLive): poll(reader, at: edge, isLive: isLive)
        case .leave(let reader): leave(reader)
        case .configure(let setting, let value):
            settings[setting] = value
            observe(.configured(setting, value))
        case .approve, .reject, .retry, .drop, .pause, .resume, .purge: operate(step)
        case .save, .restart, .takeBack, .demote, .flush, .forgetFunctions, .forgetConfiguration, .revoke, .grant:
            treat(step)
        case .settle: break
        }
        settleDeaths()
        return observations
    }

    /// Notes something that happened in the current step.
    func observe(_ observation: Observation) {
        observations.append(observation)
    }

    func trace(_ line: @autoclosure () -> String) {
        onTrace?(line())
    }

    // MARK: Processes

    package var processes: [ProcessState] {
        actors.sorted { $0.key < $1.key }.map { name, process in
            ProcessState(
                name: name, life: process.life,
                trouble: name.hasPrefix("e") ? process.machine.map { $0.trouble } ?? "it does not run" : nil)
        }
    }

    /// A process that was not told to end, and can run.
    func running(_ name: Step.ProcessName) -> SimulatedProcess? {
        guard let process = actors[name], case .running = process.life else { return nil }
        return process
    }

    private func start(_ name: Step.ProcessName) {
        switch actors[name]?.life {
        case nil, .dead, .gone: break
        case .running, .frozen, .ending: return
        }
        let count = starts[name, default: 0] + 1
        starts[name] = count
        let process = SimulatedProcess(name, id: "\(name).\(count)", seed: seed(of: name, count), in: self)
        actors[name] = process
        do {
            try process.start { [self] loop in
                name.hasPrefix("e") ? makeEdge(process, on: loop) : makeWorker(process, on: loop)
            }
        } catch {
            fatalError("a loop cannot be made: \(error)")
        }
    }

    /// What a process draws from depends on nothing but its name, its start and the schedule, so that a schedule with a
    /// step less draws the same.
    private func seed(of name: Step.ProcessName, _ count: Int) -> UInt64 {
        let text = "\(options.seed) \(name) \(count)"
        return text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    var layout: PipelineLayout {
        PipelineLayout(
            name: World.pipeline, partitions: Int(settings[.partitions] ?? 1),
            stages: SimulatedStages.names(settings[.stages] ?? 0))
    }

    private var limits: PipelineLimits {
        var limits = PipelineLimits()
        limits.batchEvents = options.batch
        // A measured time is no part of a schedule.
        limits.callTime = 0
        limits.history = .all(Int(settings[.history] ?? 20), lifetime: settings[.ttl] ?? 600_000)
        return limits
    }

    private func makeWorker(_ process: SimulatedProcess, on loop: EventLoop) -> any SimulatedMachine {
        let options = WorkerOptions(
            id: process.id, layout: layout, limits: limits, redis: address,
            stages: SimulatedStages.factories(for: process, in: self))
        return SimulatedWorker(on: loop, options: options, logger: labelled(process))
    }

    private func makeEdge(_ process: SimulatedProcess, on loop: EventLoop) -> any SimulatedMachine {
        var edge = EdgeLimits()
        edge.ringEvents = options.ring
        return SimulatedEdge(
            on: loop, id: process.id, layout: layout, limits: limits, edge: edge, redis: address,
            logger: labelled(process))
    }

    private func labelled(_ process: SimulatedProcess) -> Logger {
        var logger = logger
        logger[metadataKey: "process"] = "\(process.id)"
        return logger
    }

    /// Never resolved: the links stand in its place.
    private var address: RedisAddress {
        RedisAddress(endpoint: .unix(path: "/simulated"), user: SimulatedServer.user, password: "simulated")
    }

    private func stop(_ name: Step.ProcessName) {
        guard let process = running(name) else { return }
        process.life = .ending
        process.turn {
            process.machine?.stop { [unowned process] in
                process.life = .gone
                process.end()
            }
        }
    }

    private func end(_ name: Step.ProcessName, isSeen: Bool) {
        guard let process = actors[name], !process.hasEnded else { return }
        observe(.died(name))
        process.life = .dead(wasSeen: isSeen)
        process.dispose()
        ended(process, isSeen: isSeen)
    }

    /// A step may have ended a process from within: by a poisoned event, or in order.
    private func settleDeaths() {
        for process in actors.values where process.hasEnded && process.machine == nil {
            switch process.life {
            case .running, .frozen, .ending:
                process.life = .dead(wasSeen: true)
                ended(process, isSeen: true)
            case .gone:
                // The supervisor buries whatever ends.
                if !reaped.contains(process.id) { ended(process, isSeen: true, .left) }
            case .dead: break
            }
        }
    }

    private func ended(_ process: SimulatedProcess, isSeen: Bool, _ ending: ProcessEnding = .died) {
        reaped.insert(process.id)
        if isSeen { unburied[process.name, default: []].append((process.id, ending)) }
        hangUp()
    }

    private func bury(_ name: Step.ProcessName) {
        for (id, ending) in unburied.removeValue(forKey: name) ?? [] {
            call(FunctionCall<Void>.leave(pipeline: World.pipeline, process: id, ending))
            if let process = actors[name], process.id == id { process.life = .gone }
        }
    }

    private func freeze(_ name: Step.ProcessName) {
        guard let process = actors[name], process.isAwake else { return }
        process.wasEnding = if case .ending = process.life { true } else { false }
        process.life = .frozen
    }

    private func thaw(_ name: Step.ProcessName) {
        guard let process = actors[name], case .frozen = process.life else { return }
        process.life = process.wasEnding ? .ending : .running
    }

    /// Whether the stage `work` fails with this event once more.
    func stumbles(over number: Int) -> Bool {
        stumbled[number, default: 0] += 1
        return stumbled[number, default: 0] <= World.stumbles
    }
}
