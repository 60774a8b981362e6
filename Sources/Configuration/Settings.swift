import Comments
package import Edge
import Pipeline

/// Every setting of Tidings, by what it is for. ``all`` lists them; what belongs to a stage is declared with the stage's
/// reader, what bounds an edge is an ``EdgeLimit``.
package enum Settings {
    /// What every command takes.
    package enum Global {
        package static let config = Setting(
            flag: "config", variable: "TIDINGS_CONFIG", .text(), default: "tidings.yaml",
            otherwise: "tidings.yaml in the working folder, if there is one", "Configuration file")
        package static let redis = Setting(
            key: "redis", flag: "redis", variable: "TIDINGS_REDIS", SettingForm.text().optional, default: nil,
            otherwise: "the server of a running 'tidings up', else redis://127.0.0.1:6379/0",
            "Redis: redis://[user:password@]host:port/db or unix:///path")
        package static let data = Setting(
            flag: "data", variable: "TIDINGS_DATA", SettingForm.text().optional, default: nil,
            otherwise: "~/.local/state/tidings", "Folder in which 'tidings up' keeps its data")
        package static let log = Setting(
            flag: "log", variable: "TIDINGS_LOG",
            .choice(of: ["trace", "debug", "info", "notice", "warning", "error"]), default: "info",
            "Lowest level of log lines to show: trace, debug, info, notice, warning or error")

        package static let flags: [any SettingDeclaration] = [config, redis, data, log]
    }

    /// The pipeline's shape, and the limits of its lanes.
    package enum Pipeline {
        package static let name = Setting(
            key: "pipeline", .name, default: "comments", "Name of the pipeline, with which its keys begin")
        package static let partitions = Setting(
            key: "partitions", .integer(1...1024), default: 8, "Partitions that conversations are spread over")
        package static let inlets = CompoundSetting(
            key: "doors", "Thoonk queues, jobs and feeds that events are taken from, besides the incoming list")
        package static let stages = CompoundSetting(
            key: "stages", otherwise: "the five below", "Stages, in the order in which an event passes them")
        package static let queueLimit = Setting(
            key: "queue_limit", .integer(0...100_000_000), default: PipelineLimits().queueEvents,
            "Events that a queue takes before the stage in front of it stops; 0: no limit")
        package static let deadLimit = Setting(
            key: "dead_limit", .integer(1...10_000_000), default: PipelineLimits().deadLetters,
            "Dead letters kept for each stage and partition")
        package static let heldLimit = Setting(
            key: "held_limit", .integer(1...10_000_000), default: PipelineLimits().heldEvents,
            "Held events kept for each stage and partition")
        package static let batch = Setting(
            key: "batch", .integer(1...5000), default: PipelineLimits().batchEvents,
            "Most events that a worker takes at once")
        package static let callTime = Setting(
            key: "call_time", .time(0...1000), default: PipelineLimits().callTime,
            "How long a worker's commit should hold Redis; batches become as small as that takes; 0: any time")
        package static let attempts = Setting(
            key: "attempts", .integer(1...1000), default: PipelineLimits().attempts,
            "Attempts of an event whose stage fails, before it becomes a dead letter")
        package static let deaths = Setting(
            key: "deaths", .integer(2...100), default: PipelineLimits().deaths,
            "Deaths of a worker over one event, before it becomes a dead letter")
        package static let unexplainedLosses = Setting(
            key: "unexplained_losses", .integer(3...100), default: PipelineLimits().unexplainedLosses,
            "Workers that vanish without a sign of why over one event, before it becomes a dead letter")
        package static let lease = Setting(
            key: "lease", .time(3000...600_000), default: PipelineLimits().lease,
            "How long a worker without heartbeats keeps its lanes")

        /// The top of tidings.yaml but for ``inlets``, ``stages`` and the edge.
        static let fields: [SettingField<Configuration>] = [
            SettingField(name, \.pipeline), SettingField(partitions, \.partitions),
            SettingField(queueLimit, \.limits.queueEvents), SettingField(deadLimit, \.limits.deadLetters),
            SettingField(heldLimit, \.limits.heldEvents), SettingField(batch, \.limits.batchEvents),
            SettingField(callTime, \.limits.callTime),
            SettingField(attempts, \.limits.attempts), SettingField(deaths, \.limits.deaths),
            SettingField(unexplainedLosses, \.limits.unexplainedLosses),
            SettingField(lease, \.limits.lease), SettingField(Global.redis, \.redis),
        ]
        static let all: [any SettingDeclaration] = [
            name, partitions, Global.redis, inlets, stages, queueLimit, deadLimit, heldLimit, batch, callTime, attempts,
            deaths,
            unexplainedLosses, lease,
        ]
    }

    /// What an edge is told, besides its limits and ``Access``.
    package enum Edge {
        package static let listen = Setting(
            key: "edge.listen", flag: "listen", variable: "TIDINGS_LISTEN", .text(), default: "127.0.0.1:8080",
            "Where readers connect: HOST:PORT; or unix:/PATH, for a single edge process")
        package static let admin = Setting(
            key: "edge.admin", flag: "admin", variable: "TIDINGS_ADMIN", SettingForm.text().optional, default: nil,
            otherwise: "none: as edge.listen",
            "Where the dashboard and /metrics are, and nowhere else: HOST:PORT or unix:/PATH")
        package static let hold = Setting(
            key: "edge.hold", flag: "hold", variable: "TIDINGS_HOLD", .seconds(1...55), default: 25,
            "How long an edge holds a long poll whose client names no time, in seconds, 1 to 55")
        package static let drain = Setting(
            key: "edge.drain", flag: "drain", variable: "TIDINGS_DRAIN", SettingForm.seconds(0...3600).optional,
            default: nil, otherwise: "one hold", "Seconds in which an edge answers its held polls after SIGTERM")
        package static let publicKinds = Setting(
            key: "edge.public", .texts, default: ["thread", "forum", "post"], "Kinds of channel that anyone may read")
        package static let dashboard = Setting(
            key: "edge.dashboard", flag: "dashboard", .dashboard, default: .off,
            otherwise: "false; local with 'tidings up'",
            """
            Show the state of the pipeline at /dashboard to everyone who reaches the edge: no password is asked for
            """)
        package static let proxies = Setting(
            key: "edge.proxies", flag: "proxy", .proxies, default: [],
            "A proxy, 10.0.0.0/8 or an address, whose X-Forwarded-For is believed; can be repeated")
        package static let proxyProtocol = Setting(
            key: "edge.proxy_protocol", flag: "proxy-protocol", .bool, default: false,
            "Proxies begin each connection with a PROXY protocol header, version 1 or 2")
        /// What a network of proxies looks like.
        package static let networks =
            "an address or network such as 127.0.0.1 or 10.0.0.0/8, with no bits set behind the prefix"
        package static let limits = CompoundSetting(
            key: "edge.limits", otherwise: nil, "Limits of an edge, by their names")

        static let all: [any SettingDeclaration] = [
            listen, admin, hold, drain, publicKinds, dashboard, proxies, proxyProtocol, limits,
        ]
    }

    /// Who may read and write at an edge.
    package enum Access {
        package static let tokenKeys = CompoundSetting(
            key: "edge.tokens.keys", range: "1 to \(AccessOptions.maxTokenKeys)",
            "Keys that tokens for private channels are checked with")
        package static let keySet = CompoundSetting(
            key: "edge.tokens.jwks", range: "{ file: PATH }, or { url: URL }",
            "A JWK Set with public keys, which is read again when it changes")
        package static let keySetFile = Setting(
            key: "edge.tokens.jwks.file", SettingForm.text().optional, default: nil,
            "File of the JWK Set, read again when it changes")
        package static let keySetURL = Setting(
            key: "edge.tokens.jwks.url", SettingForm.text("https:// or http://").optional, default: nil,
            "Address of the JWK Set, read again every refresh, and when a token names a new key")
        package static let keySetRefresh = Setting(
            key: "edge.tokens.jwks.refresh", .time(30_000...86_400_000), default: 300_000,
            "Time from one reading of the URL to the next")
        package static let keySetCAFile = Setting(
            key: "edge.tokens.jwks.ca_file", SettingForm.text().optional, default: nil, otherwise: "the system's",
            "Certificates to trust")
        package static let issuer = Setting(
            key: "edge.tokens.issuer", SettingForm.text().optional, default: nil, otherwise: "any",
            "Issuer that tokens must be from")
        package static let write = Setting(
            key: "edge.write", flag: "write", variable: "TIDINGS_WRITE", SettingForm.writePolicy.optional, default: nil,
            otherwise: "token with token keys, else key with API keys, else open on the loopback",
            "Who may post: open (anybody), token (people with a token of your site), key (your servers)")
        package static let audience = Setting(
            key: "edge.tokens.audience", SettingForm.text().optional, default: nil,
            "Audience that tokens must be for; without it tokens that name one are refused")
        package static let apiKeys = CompoundSetting(
            key: "edge.api_keys", range: "1 to \(AccessOptions.maxAPIKeys)", "Keys that comments are posted with")
        package static let apiRate = Setting(
            key: "edge.api_rate", flag: "api-rate", variable: "TIDINGS_API_RATE", SettingForm.rate.orNone,
            default: AccessOptions().apiRate.map { Rate(count: $0.count, milliseconds: $0.milliseconds) },
            "Comments of one API key in each process, such as 100/s or 5000/hour, or none for any number")
        package static let apiBurst = Setting(
            key: "edge.api_burst", flag: "api-burst", variable: "TIDINGS_API_BURST",
            SettingForm.integer(1...1_000_000).optional, default: nil,
            otherwise: "10 s of the rate, or one unit's",
            "Comments of one API key at once; more in one request: 413")
        package static let origins = Setting(
            key: "edge.origins", flag: "origin", .origins, default: AllowedOrigins.any,
            "An origin whose pages may read and post, such as https://example.org, or * for reading; can be repeated")
        package static let hosts = Setting(
            key: "edge.hosts", flag: "host", .hosts, default: HostNames.named([]),
            "A name that browsers reach the edge under, such as comments.example.org, or *; can be repeated")

        /// What a host looks like.
        package static let hostForm =
            "a host or host:port as browsers send it, in lower case, such as comments.example.org or [2001:db8::1]:8080"

        /// What an origin looks like.
        package static let originForm = """
            scheme://host or scheme://host:port as browsers send it, in lower case, without a path and without the \
            scheme's own port, such as https://example.org
            """

        static let keySetSettings: [any SettingDeclaration] = [keySetFile, keySetURL, keySetRefresh, keySetCAFile]
        static let all: [any SettingDeclaration] =
            [write, tokenKeys, keySet] + keySetSettings + [
                audience, issuer, apiKeys, apiRate, apiBurst, origins, hosts,
            ]
        package static let flags: [any SettingDeclaration] = [write, apiRate, apiBurst]
    }

    /// How many processes, and what a supervisor does with them.
    package enum Processes {
        package static let workersOfUp = Setting(
            flag: "workers", .integer(1...256), default: 2, "Number of worker processes")
        package static let edgesOfUp = Setting(
            flag: "edges", .integer(1...256), default: 2, "Number of edge processes")
        /// The default is the caller's: it counts processors.
        package static let workers = Setting(
            flag: "workers", variable: "TIDINGS_WORKERS", SettingForm.integer(1...256).optional, default: nil,
            otherwise: "one for each processor", "Number of worker processes")
        package static let edges = Setting(
            flag: "workers", .integer(1...256), default: 2, "Number of edge processes")
        package static let redisPort = Setting(
            flag: "redis-port", .integer(0...65_535), default: 6379,
            "Loopback port of the embedded Redis, besides its socket, if the port is free; 0: socket only")
        /// Nil: half of this machine's memory. Less than 64 MB is no use: functions and buffers take their share.
        package static let redisMemory = Setting(
            flag: "redis-memory",
            SettingForm.size(64 << 20...Int.max, words: "a size of 64MB or more, such as 512MB, or 0 for no limit")
                .orZero.optional, default: nil, otherwise: "half of this machine's",
            "Memory that the embedded Redis may use, such as 512MB or 4GB; 0: no limit")
        package static let demoOfUp = Setting(flag: "demo", .bool, default: true, "Serve the demo page at /")
        package static let demo = Setting(flag: "demo", .bool, default: false, "Serve the demo page at /")
        /// Nil: the caller's default, which depends on the kind of the children.
        package static let maxMemory = Setting(
            flag: "max-memory", SettingForm.size(0...Int.max, words: "a size such as 512MB, or 0").optional,
            default: nil, otherwise: "1GB for workers, none for edges",
            "Replace a child that has more resident memory than this, such as 512MB; 0: never")
        package static let maxAge = Setting(
            flag: "max-age", .time(0...Int64.max, words: "a time such as 90s or 12h"), default: 0,
            "Replace a child that is older than this, such as 12h; 0s: never")
        package static let silence = Setting(
            flag: "silence", .time(10_000...Int64.max, words: "a time of 10s or more, or 0s", orZero: true),
            default: 60_000,
            "Kill a child that sends no heartbeat for this long while Redis answers, at least 10s; 0s: never")
        package static let maxDeaths = Setting(
            flag: "max-deaths", .integer(1...10_000), default: 20,
            "Give up when children die more often than this within the time of --death-window")
        package static let deathWindow = Setting(
            flag: "death-window", .time(1000...Int64.max, words: "a time of 1s or more"), default: 300_000,
            "The time in which deaths are counted for --max-deaths")

        package static let supervisorFlags: [any SettingDeclaration] = [
            maxMemory, maxAge, silence, maxDeaths, deathWindow,
        ]
        package static let all: [any SettingDeclaration] =
            [workersOfUp, edgesOfUp, workers, edges, redisPort, redisMemory, demoOfUp, demo] + supervisorFlags
    }

    /// What `tidings enqueue` takes.
    package enum Enqueue {
        package static let batch = Setting(
            flag: "batch", .integer(1...5000), default: 500, "Lines that are sent together; fewer when they are long")
        /// A hundred years stand for ever: no clock overflows.
        package static let patience = Setting(
            flag: "patience", variable: "TIDINGS_PATIENCE",
            SettingForm.time(0...Int64.max, words: "a time such as 30s or 10m")
                .map({ min($0, 36_500 * 86_400_000) }, { $0 }), default: 30_000,
            "How long to wait while a queue or Redis' memory is full, such as 500ms or 10m")

        package static let flags: [any SettingDeclaration] = [batch, patience]
    }

    /// `tidings thread close` and `open`.
    package enum Thread {
        package static let wait = Setting(
            flag: "wait", .time(0...600_000), default: 5000,
            "How long to wait until a worker has published the closing or opening, such as 500ms or 1m")

        package static let flags: [any SettingDeclaration] = [wait]
    }

    /// Every setting that has a key, a flag or a variable.
    package static let all: [any SettingDeclaration] =
        Global.flags.filter { $0.key == nil } + Pipeline.all + StageSetting.allOptions + Edge.all + Access.all
        + EdgeLimit.allCases.map(\.setting) + Processes.all + Enqueue.flags + Thread.flags
}
