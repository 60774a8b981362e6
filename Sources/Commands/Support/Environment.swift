import Glibc
import Redis

/// What a supervisor hands to its children through the environment: not on the command line, where every user of the
/// machine could read a password.
enum ChildEnvironment {
    static func set(options: GlobalOptions, redis: RedisAddress) {
        setenv("TIDINGS_REDIS", redis.url, 1)
        if let config = options.config { setenv("TIDINGS_CONFIG", config, 1) }
        if let log = options.log { setenv("TIDINGS_LOG", log, 1) }
        if let data = options.data { setenv("TIDINGS_DATA", data, 1) }
    }
}
