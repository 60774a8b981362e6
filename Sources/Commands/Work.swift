import ArgumentParser
import Configuration
import Console
import Events
import Glibc
import Logging
import Pipeline
import Redis
import Store
import Supervision

/// `tidings work`: worker processes under a supervisor.
struct Work: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run workers: they take events through the pipeline's stages.",
        discussion: """
            Examples:
              tidings work                            all stages, a worker for each processor
              tidings work moderate --workers 4       only one stage

            Each worker takes its share of the lanes (a stage in a partition). Start as many pools on as many hosts as
            you like; they share the lanes among them. SIGTERM ends a pool in order, a second one at once. SIGHUP has
            every worker replaced by one that reads the configuration anew, SIGTSTP stops taking events.
            """)

    @Argument(help: "Stages to serve; none: all stages and the doors.")
    var stages: [String] = []

    enum Group: SettingGroup {
        static let settings: [any SettingDeclaration] = [Settings.Processes.workers]
    }

    @OptionGroup(title: "Common options") var flags: SettingFlags<Group>
    @OptionGroup(title: "Common options") var options: GlobalFlags
    @OptionGroup(title: "Supervision") var supervisor: SupervisorFlags
    @OptionGroup var child: ChildFlags

    func run() throws {
        let settings = try options.configuration()
        for stage in stages where stage != LaneID.incoming && !settings.layout.stages.contains(stage) {
            throw CommandError(
                "no stage '\(stage)'; this pipeline has \(settings.layout.stages.joined(separator: ", ")) and the door, "
                    + "incoming", exitCode: 2)
        }
        let redis = try options.redisAddress(settings)
        if let id = child.id {
            try runWorker(id, settings, redis)
        } else {
            try supervise(settings, redis)
        }
    }

    private func supervise(_ settings: Configuration, _ redis: RedisAddress) throws {
        try settings.checkStages()
        ChildFlags.setEnvironment(options, redis: redis)
        let count = try flags.value(Settings.Processes.workers) ?? Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let children = ChildSpec.workers(count, stages: stages)
        let host = SupervisorHost(
            on: try EventLoop(), name: "tidings-supervisor", redis: redis, children: children,
            shape: Work.shape(settings), rules: supervisor.rules(memory: 1 << 30),
            summary: "\(settings.pipeline): \(children.map(\.name).joined(separator: ", "))",
            logger: try options.logger("work"),
            reload: {
                let settings = try options.configuration()
                try settings.checkStages()
                return Work.shape(settings)
            })
        host.onStarted = { [unowned host] in host.ready() }
        try host.run(takesQuiet: true)
    }

    private static func shape(_ settings: Configuration) -> PoolShape {
        PoolShape(layout: settings.layout, grace: 15_000)
    }

    private func runWorker(_ id: String, _ settings: Configuration, _ redis: RedisAddress) throws {
        child.followParent()
        var worker = WorkerOptions(
            id: id, layout: settings.layout, limits: settings.limits, serves: stages.isEmpty ? nil : stages,
            redis: redis, stages: Dictionary(uniqueKeysWithValues: settings.stages.map { ($0.name, $0.factory) }))
        worker.inlets = settings.doors
        try WorkerProcess(options: worker, logger: options.logger("worker")).run()
    }
}
