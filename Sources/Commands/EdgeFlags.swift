import ArgumentParser
import Configuration
import Console
import Edge
import Pipeline
import Store

/// The flags of an edge's limits, one for each ``EdgeLimit``. `--help` leaves them out, `--help-limits` lists them.
struct EdgeLimitFlags: ParsableArguments {
    enum Group: SettingGroup {
        static let settings: [any SettingDeclaration] = EdgeLimit.allCases.map(\.setting)
    }

    @OptionGroup(visibility: .hidden) var flags: SettingFlags<Group>

    @Flag(
        name: .customLong("help-limits"),
        help: "Show the \(EdgeLimit.allCases.count) limits of an edge, a flag for each.")
    var showsLimits = false

    /// The page of `--help-limits`.
    struct Page: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The limits of an edge, as flags of 'tidings up' and 'tidings edge'.",
            usage: "",
            discussion: "docs/edge.md says what each is for, docs/configuration.md which values it takes.",
            helpNames: [])

        @OptionGroup(title: "Limits of an edge") var flags: SettingFlags<Group>
    }

    func validate() throws {
        if showsLimits { throw CleanExit.message(Page.helpMessage()) }
    }

    /// What an edge is told: flag over environment over file over default.
    ///
    /// If nobody says otherwise a comment may be as large as the pipeline takes it, and a ring keeps as many events as a
    /// feed, if these are more.
    ///
    /// - Throws: ``CommandError`` for a variable that is no such limit.
    func limits(
        _ settings: Configuration, environment: (String) -> String? = Terminal.environment
    ) throws -> EdgeLimits {
        var limits = EdgeLimits()
        limits.bodyBytes = settings.eventBytes
        limits.ringEvents = max(limits.ringEvents, settings.limits.history.mostEvents)
        for limit in EdgeLimit.allCases {
            let file = settings.edgeLimits[limit] ?? limit.value(in: limits)
            limit.set(try flags.value(limit.setting, file: file, environment: environment), in: &limits)
        }
        return limits
    }

    /// The same flags again, for a child. It finds the environment and the file itself.
    var words: [String] { flags.words }
}

/// The flags of the proxies in front of an edge.
struct EdgeProxyFlags: ParsableArguments {
    @Option(
        name: .flag(Settings.Edge.proxies), help: ArgumentHelp(Settings.Edge.proxies, valueName: "network"))
    var proxy: [String] = []

    @Flag(name: .flag(Settings.Edge.proxyProtocol), help: ArgumentHelp(Settings.Edge.proxyProtocol))
    var proxyProtocol = false

    func validate() throws {
        for text in proxy { try Settings.Edge.proxies.checkFlag(text) }
    }

    func proxies(_ settings: EdgeSettings) -> ProxyTrust {
        ProxyTrust(
            ranges: proxy.isEmpty
                ? settings.proxies ?? Settings.Edge.proxies.defaultValue : proxy.compactMap(AddressRange.init),
            speaksProxyProtocol: proxyProtocol || settings.proxyProtocol ?? Settings.Edge.proxyProtocol.defaultValue)
    }

    /// The same flags again, for a child. It finds the environment and the file itself.
    var words: [String] {
        proxy.flatMap { ["--proxy", $0] } + (proxyProtocol ? ["--proxy-protocol"] : [])
    }
}

/// The flags of access control.
struct EdgeAccessFlags: ParsableArguments {
    enum Group: SettingGroup {
        static let settings = Settings.Access.flags
    }

    @OptionGroup var flags: SettingFlags<Group>

    @Option(
        name: .flag(Settings.Access.origins), help: ArgumentHelp(Settings.Access.origins, valueName: "origin"))
    var origin: [String] = []

    @Option(name: .flag(Settings.Access.hosts), help: ArgumentHelp(Settings.Access.hosts, valueName: "host"))
    var host: [String] = []

    func validate() throws {
        for text in origin { try Settings.Access.origins.checkFlag(text) }
        guard origin.count <= AllowedOrigins.maxCount else {
            throw ValidationError("--origin can be given \(AllowedOrigins.maxCount) times")
        }
        for text in host { try Settings.Access.hosts.checkFlag(text) }
        guard host.count <= HostNames.maxCount else {
            throw ValidationError("--host can be given \(HostNames.maxCount) times")
        }
    }

    /// What an edge is told: flag over environment over file over default. A rate from a flag or the environment leaves the
    /// burst to the file, and its default follows that rate.
    ///
    /// - Parameter isLocal: whether only this machine reaches the edge.
    /// - Throws: ``ConfigurationError`` for a key that cannot be read or used, ``CommandError`` for a wrong variable, and
    ///   when nobody says who may post.
    func options(
        _ settings: AccessSettings, isLocal: Bool, environment: (String) -> String? = Terminal.environment
    ) throws -> AccessOptions {
        try settings.options(
            rate: flags.value(Settings.Access.apiRate, file: settings.apiRate, environment: environment),
            burst: flags.value(Settings.Access.apiBurst, file: settings.apiBurst, environment: environment),
            origins: origins,
            write: flags.value(Settings.Access.write, file: settings.write, environment: environment),
            isLocal: isLocal)
    }

    private var origins: AllowedOrigins? {
        if origin.isEmpty { return nil }
        return origin.contains("*") ? .all(writers: origin.filter { $0 != "*" }) : .listed(origin)
    }

    /// The names that an edge is reached under.
    func hosts(_ settings: EdgeSettings) -> HostNames {
        if host.contains("*") { return .any }
        return host.isEmpty ? settings.hosts ?? Settings.Access.hosts.defaultValue : .named(host)
    }

    /// The same flags again, for a child.
    var words: [String] {
        origin.flatMap { ["--origin", $0] } + host.flatMap { ["--host", $0] } + flags.words
    }
}

/// Who gets to see the dashboard: the flag, else tidings.yaml, else the default of the command.
struct DashboardFlags: ParsableArguments {
    @Flag(name: .flag(Settings.Edge.dashboard), inversion: .prefixedNo, help: ArgumentHelp(Settings.Edge.dashboard))
    var dashboard: Bool?

    /// The default of `up`, handed to its edges.
    @Flag(name: .customLong("local-dashboard"), help: .hidden)
    var isLocal = false

    /// - Parameter isApart: whether the dashboard has an address of its own: then it is shown there.
    func setting(_ configured: DashboardSetting?, isApart: Bool = false) -> DashboardSetting {
        if let dashboard { return dashboard ? .everyone : .off }
        if isApart { return configured ?? .everyone }
        return configured ?? (isLocal ? .local : Settings.Edge.dashboard.defaultValue)
    }

    /// The same flags again, for a child.
    ///
    /// - Parameter isLocal: whether this machine sees it if nobody says anything.
    func words(isLocal: Bool = false) -> [String] {
        if let dashboard { return [dashboard ? "--dashboard" : "--no-dashboard"] }
        return isLocal || self.isLocal ? ["--local-dashboard"] : []
    }
}

/// Where the dashboard and the metrics are, and who gets to see them.
struct AdminFlags: ParsableArguments {
    enum Group: SettingGroup {
        static let settings: [any SettingDeclaration] = [Settings.Edge.admin]
    }

    @OptionGroup var flags: SettingFlags<Group>
    @OptionGroup var dashboard: DashboardFlags

    /// What the flag alone says.
    var text: String? { flags.text(Settings.Edge.admin) }

    /// The address for administration; nil: there is none.
    func address(_ settings: EdgeSettings) throws -> String? {
        try flags.value(Settings.Edge.admin, file: settings.admin)
    }
}
