import ArgumentParser
import Configuration
import Glibc
import Redis
import Supervision

/// What a supervisor tells its children on the command line; not for people.
struct ChildFlags: ParsableArguments {
    @Option(name: .customLong("child"), help: .hidden)
    var id: String?

    @Option(name: .customLong("parent"), help: .hidden)
    var parent: Int32?

    /// Seconds that it has to end in order when its supervisor is gone: as many as the supervisor would give it.
    @Option(name: .customLong("grace"), help: .hidden)
    var grace = 20

    /// Has this process end with its parent, if it was given one.
    func followParent() {
        if let parent { ParentDeath.end(withParent: parent, grace: grace) }
    }

    /// Sets what children inherit in the environment. The address is not on their command line, where every user of the
    /// machine could read its password.
    static func setEnvironment(_ options: GlobalFlags, redis: RedisAddress) {
        setenv("TIDINGS_REDIS", redis.url, 1)
        if let config = options.config { setenv("TIDINGS_CONFIG", config, 1) }
        if let log = options.log { setenv("TIDINGS_LOG", log, 1) }
        if let data = options.data { setenv("TIDINGS_DATA", data, 1) }
    }
}

/// How a supervisor treats its children.
struct SupervisorFlags: ParsableArguments {
    @Option(
        name: .long,
        help:
            "Replace a child that has more resident memory than this, such as 512MB. 0: never. (default 1GB for workers)"
    )
    var maxMemory: String?

    @Option(name: .long, help: "Replace a child that is older than this, such as 12h. 0s: never.")
    var maxAge = "0s"

    @Option(
        name: .long,
        help: "Kill a child that has sent no heartbeat for this long while Redis answers, at least 10s. 0s: never.")
    var silence = "60s"

    @Option(name: .long, help: "Give up when a child dies more often than this …")
    var maxDeaths = 20

    @Option(name: .long, help: "… within this time.")
    var deathWindow = "5m"

    func validate() throws {
        if let maxMemory, ByteSize.bytes(maxMemory) == nil {
            throw ValidationError("--max-memory takes a size such as 512MB, not '\(maxMemory)'")
        }
        _ = try time(maxAge, "--max-age")
        let silence = try time(silence, "--silence")
        guard silence == 0 || silence >= 10_000 else { throw ValidationError("--silence takes 10s or more, or 0s") }
        guard (1...10_000).contains(maxDeaths) else { throw ValidationError("--max-deaths takes 1 to 10000") }
        guard try time(deathWindow, "--death-window") >= 1000 else {
            throw ValidationError("--death-window takes 1s or more")
        }
    }

    /// The rules that follow from the flags.
    ///
    /// - Parameter memory: the default of `--max-memory` for these children, in bytes.
    func rules(memory: Int) throws -> ProcessPool.Rules {
        var restarts = RestartPolicy()
        restarts.deaths = maxDeaths
        restarts.window = try time(deathWindow, "--death-window")
        return ProcessPool.Rules(
            recycling: RecyclePolicy(
                maxKilobytes: (maxMemory.flatMap(ByteSize.bytes) ?? memory) / 1024,
                maxAge: try time(maxAge, "--max-age")),
            restarts: restarts, silence: try time(silence, "--silence"))
    }

    private func time(_ text: String, _ flag: String) throws -> Int64 {
        guard let time = DurationText.milliseconds(text) else {
            throw ValidationError("\(flag) takes a time such as 90s or 12h, not '\(text)'")
        }
        return time
    }
}
