import ArgumentParser
import Configuration
import Console
import Edge
import Pipeline

/// The flags of an edge's limits, one for each ``EdgeLimit``, and of its proxies.
struct EdgeLimitOptions: ParsableArguments {
    @Option(.maxConnections) var maxConnections: String?
    @Option(.spareConnections) var spareConnections: String?
    @Option(.connectionsPerAddress) var connectionsPerAddress: String?
    @Option(.acceptRate) var acceptRate: String?
    @Option(.headerBytes) var headerBytes: String?
    @Option(.headerFields) var headerFields: String?
    @Option(.urlBytes) var urlBytes: String?
    @Option(.bodyBytes) var bodyBytes: String?
    @Option(.batchBytes) var batchBytes: String?
    @Option(.commentsPerPost) var commentsPerPost: String?
    @Option(.postedBytes) var postedBytes: String?
    @Option(.bufferBytes) var bufferBytes: String?
    @Option(.tokenBytes) var tokenBytes: String?
    @Option(.tokenChannels) var tokenChannels: String?
    @Option(.channelsPerPoll) var channelsPerPoll: String?
    @Option(.channelNameBytes) var channelNameBytes: String?
    @Option(.maxChannels) var maxChannels: String?
    @Option(.loadsAtOnce) var loadsAtOnce: String?
    @Option(.ringEvents) var ringEvents: String?
    @Option(.ringBytes) var ringBytes: String?
    @Option(.ringBytesTotal) var ringBytesTotal: String?
    @Option(.answerBytes) var answerBytes: String?
    @Option(.pipelineBytes) var pipelineBytes: String?
    @Option(.headerTimeout) var headerTimeout: String?
    @Option(.bodyTimeout) var bodyTimeout: String?
    @Option(.idleTimeout) var idleTimeout: String?
    @Option(.writeTimeout) var writeTimeout: String?
    @Option(.answerTimeout) var answerTimeout: String?
    @Option(.lingerTimeout) var lingerTimeout: String?
    @Option(.postTimeout) var postTimeout: String?
    @Option(.loadTimeout) var loadTimeout: String?
    @Option(.channelLinger) var channelLinger: String?
    @Option(.streamTimeout) var streamTimeout: String?
    @Option(.heartbeat) var heartbeat: String?
    @Option(.streamRetry) var streamRetry: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A proxy, 10.0.0.0/8 or an address, whose X-Forwarded-For is believed; can be repeated.",
            valueName: "network"))
    var proxy: [String] = []

    @Flag(name: .long, help: "Proxies begin each connection with a PROXY protocol header, version 1 or 2.")
    var proxyProtocol = false

    func validate() throws {
        for text in proxy where AddressRange(text) == nil {
            throw ValidationError("--proxy: \(ClientSetting.noRange(text))")
        }
        for (limit, text) in given { _ = try value(of: limit, text, from: "--\(limit.flag)") }
    }

    /// What an edge is told: flag over environment over file over default.
    ///
    /// Where nobody says otherwise a comment may be as large as the pipeline takes it, and a ring keeps as many events as a
    /// feed, if these are more.
    ///
    /// - Throws: ``ValidationError`` for a variable that is no such limit.
    func limits(
        _ settings: Configuration, environment: (String) -> String? = Terminal.environment
    ) throws -> EdgeLimits {
        let given = given
        var limits = EdgeLimits()
        limits.bodyBytes = settings.eventBytes
        limits.ringEvents = max(limits.ringEvents, settings.limits.historyEvents)
        for limit in EdgeLimit.allCases {
            let value =
                try given[limit].map { try self.value(of: limit, $0, from: "--\(limit.flag)") }
                ?? environment(limit.variable).map { try self.value(of: limit, $0, from: limit.variable) }
                ?? settings.edgeLimits[limit]
            if let value { limit.set(value, in: &limits) }
        }
        return limits
    }

    func proxies(_ clients: ClientSetting) -> ProxyTrust {
        ProxyTrust(
            ranges: proxy.isEmpty ? clients.proxies : proxy.compactMap(AddressRange.init),
            speaksProxyProtocol: proxyProtocol || clients.speaksProxyProtocol)
    }

    /// The same flags again, for a child. What the environment and the file say it finds there.
    var words: [String] {
        EdgeLimit.allCases.flatMap { limit in given[limit].map { ["--\(limit.flag)", $0] } ?? [] }
            + proxy.flatMap { ["--proxy", $0] } + (proxyProtocol ? ["--proxy-protocol"] : [])
    }

    /// The flags that were given.
    private var given: [EdgeLimit: String] {
        let all: [(EdgeLimit, String?)] = [
            (.maxConnections, maxConnections), (.spareConnections, spareConnections),
            (.connectionsPerAddress, connectionsPerAddress), (.acceptRate, acceptRate), (.headerBytes, headerBytes),
            (.headerFields, headerFields), (.urlBytes, urlBytes), (.bodyBytes, bodyBytes), (.batchBytes, batchBytes),
            (.commentsPerPost, commentsPerPost), (.postedBytes, postedBytes), (.bufferBytes, bufferBytes),
            (.tokenBytes, tokenBytes),
            (.tokenChannels, tokenChannels), (.channelsPerPoll, channelsPerPoll),
            (.channelNameBytes, channelNameBytes), (.maxChannels, maxChannels), (.loadsAtOnce, loadsAtOnce),
            (.ringEvents, ringEvents), (.ringBytes, ringBytes), (.ringBytesTotal, ringBytesTotal),
            (.answerBytes, answerBytes), (.pipelineBytes, pipelineBytes), (.headerTimeout, headerTimeout),
            (.bodyTimeout, bodyTimeout), (.idleTimeout, idleTimeout), (.writeTimeout, writeTimeout),
            (.answerTimeout, answerTimeout),
            (.lingerTimeout, lingerTimeout), (.postTimeout, postTimeout), (.loadTimeout, loadTimeout),
            (.channelLinger, channelLinger), (.streamTimeout, streamTimeout), (.heartbeat, heartbeat),
            (.streamRetry, streamRetry),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { limit, text in text.map { (limit, $0) } })
    }

    private func value(of limit: EdgeLimit, _ text: String, from source: String) throws -> Int {
        guard let value = limit.parse(text) else {
            throw ValidationError("\(source) takes \(limit.ends), not '\(text)'")
        }
        return value
    }
}
