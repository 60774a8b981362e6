import ArgumentParser
import Configuration
import Console
import Pipeline
import Store

/// `tidings pause`: a stage takes no new batch; events wait in its queue.
struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop a stage from taking events; they wait in its queue.",
        discussion: "Example:\n  tidings pause publish")

    @Argument(help: "The stage, or incoming for the doors.") var stage: String
    @OptionGroup var options: GlobalFlags

    func run() throws {
        let lanes = try StageSwitch(options: options, stage: stage).set(isPaused: true)
        Terminal.write("\(lanes) lanes of \(stage) paused; 'tidings resume \(stage)' starts them again\n")
    }
}

/// `tidings resume`: ends a pause.
struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a paused stage go on.", discussion: "Example:\n  tidings resume publish")

    @Argument(help: "The stage, or incoming for the doors.") var stage: String
    @OptionGroup var options: GlobalFlags

    func run() throws {
        let lanes = try StageSwitch(options: options, stage: stage).set(isPaused: false)
        Terminal.write("\(lanes) lanes of \(stage) go on\n")
    }
}

/// `tidings purge`: drops the events that wait in a stage's queue.
struct Purge: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drop every event that waits before a stage, counted as dropped.",
        discussion: "Example:\n  tidings purge moderate --yes")

    @Argument(help: "The stage.") var stage: String
    @Flag(name: .long, help: "Confirm: the events are deleted for good.") var yes = false
    @OptionGroup var options: GlobalFlags

    func run() throws {
        guard yes else {
            throw CommandError(
                "this deletes every event that waits before \(stage); say --yes if you mean it", exitCode: 2)
        }
        let target = StageSwitch(options: options, stage: stage)
        let (client, layout) = try target.open()
        var count = 0
        for lane in layout.lanes where lane.stage == stage {
            count += try client.call(.purge(lane, of: layout))
        }
        Terminal.write("\(count) events dropped\n")
    }
}

/// The stage that pause, resume or purge names; it has to exist.
struct StageSwitch {
    let options: GlobalFlags
    let stage: String

    func open() throws -> (BlockingRedis, PipelineLayout) {
        let settings = try options.configuration()
        guard stage == LaneID.incoming || settings.layout.stages.contains(stage) else {
            throw CommandError(
                "no stage '\(stage)'; this pipeline has \(settings.layout.stages.joined(separator: ", ")) and the door, "
                    + "incoming", exitCode: 2)
        }
        let client = try BlockingRedis(address: options.redisAddress(settings), name: "tidings-operator")
        try client.greet(settings.layout)
        return (client, settings.layout)
    }

    func set(isPaused: Bool) throws -> Int {
        let (client, layout) = try open()
        return try client.call(.pause(layout, stage: stage, isPaused: isPaused))
    }
}
