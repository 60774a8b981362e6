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
    enum Group: SettingGroup {
        static let settings = Settings.Processes.supervisorFlags
    }

    @OptionGroup var flags: SettingFlags<Group>

    /// The rules that follow from the flags.
    ///
    /// - Parameter memory: the default of `--max-memory` for these children, in bytes.
    func rules(memory: Int) -> ProcessPool.Rules {
        var restarts = RestartPolicy()
        restarts.deaths = flags.flag(Settings.Processes.maxDeaths)
        restarts.window = flags.flag(Settings.Processes.deathWindow)
        return ProcessPool.Rules(
            recycling: RecyclePolicy(
                maxKilobytes: (flags.flag(Settings.Processes.maxMemory) ?? memory) / 1024,
                maxAge: flags.flag(Settings.Processes.maxAge)),
            restarts: restarts, silence: flags.flag(Settings.Processes.silence))
    }
}
