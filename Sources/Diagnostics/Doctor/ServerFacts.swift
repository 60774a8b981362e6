/// What Redis says about itself.
struct ServerFacts {
    /// A command that took long, from the slow log.
    struct SlowCall {
        /// Seconds since 1970.
        var time: Int64
        var microseconds: Int64
        /// The command and its first argument.
        var command: String
    }

    /// Whether it runs on this host: reached by a unix socket or the loopback.
    var isLocal = true
    var isUnixSocket = true
    /// The fields of INFO.
    var info: [String: String] = [:]
    /// Why INFO gave nothing.
    var infoDenied: String?
    /// The settings that CONFIG GET gave.
    var settings: [String: String] = [:]
    /// Why CONFIG gave nothing.
    var settingsDenied: String?
    /// Round trips of PING, in microseconds.
    var pings: [Int64] = []
    var slowCalls: [SlowCall] = []
    /// Why CLIENT TRACKING is not allowed.
    var trackingDenied: String?
    /// The version of the function library `tidings`; nil: not loaded.
    var libraryVersion: Int64?
    /// The server's clock, in ms since 1970.
    var time: Int64 = 0
    /// This host's clock at that moment, in ms since 1970.
    var localTime: Int64 = 0

    /// A number out of INFO.
    func number(_ field: String) -> Int64? { info[field].flatMap { Int64($0) } }
}
