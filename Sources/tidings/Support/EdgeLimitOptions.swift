import ArgumentParser
import Edge

/// The limits of the edge that have a flag. What each means stands at ``EdgeLimits``.
struct EdgeLimitOptions: ParsableArguments {
    @Option(name: .long, help: "Connections held at once by one process; more: 503.")
    var maxConnections: Int = 65_536

    @Option(name: .long, help: "Bytes of a request's head; more: 431.")
    var headerBytes: Int = 16_384

    @Option(name: .long, help: "Bytes of a request's target; more: 414.")
    var urlBytes: Int = 8192

    @Option(name: .long, help: "Bytes of a body with many comments, one a line; more: 413.")
    var batchBytes: Int = 1_048_576

    @Option(name: .long, help: "Bytes of posts, together, that Redis has not confirmed; more: 503. (default 67108864)")
    var postedBytes: Int?

    @Option(name: .long, help: "Comments in one body, one a line; more: 413.")
    var commentsPerPost: Int = 1000

    @Option(name: .long, help: "Channels in one poll; more: 400.")
    var channelsPerPoll: Int = 50

    @Option(name: .long, help: "Seconds for a request's head to arrive; later: 408.")
    var headerTimeout: Int = 10

    @Option(name: .long, help: "Seconds for a request's body to arrive; later: 408.")
    var bodyTimeout: Int = 30

    @Option(name: .long, help: "Seconds that a connection may be idle between requests.")
    var idleTimeout: Int = 75

    @Option(name: .long, help: "Seconds that a reader may take nothing of an answer.")
    var writeTimeout: Int = 30

    @Option(name: .long, help: "Seconds in which a reader must have taken all of an answer. (default 120)")
    var answerTimeout: Int?

    @Option(name: .long, help: "Bytes of unread requests and untaken answers, together. (default 268435456)")
    var bufferBytes: Int?

    @Option(
        name: .long,
        help: "Connections of one address, or IPv6 /64, in one process; more: 429; 0: any number. (default 1000)")
    var connectionsPerAddress: Int?

    @Option(name: .long, help: "New connections in a second in one process; more wait; 0: any number. (default 0)")
    var acceptRate: Int?

    @Option(name: .long, help: "Seconds after which a stream ends and its client comes again. (default 300)")
    var streamTimeout: Int?

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
        let flags: [(String, Int, ClosedRange<Int>)] = [
            ("max-connections", maxConnections, 1...10_000_000), ("header-bytes", headerBytes, 256...1_048_576),
            ("url-bytes", urlBytes, 64...65_536),
            ("batch-bytes", batchBytes, 256...67_108_864), ("comments-per-post", commentsPerPost, 1...1_000_000),
            ("channels-per-poll", channelsPerPoll, 1...1000),
            ("header-timeout", headerTimeout, 1...3600), ("body-timeout", bodyTimeout, 1...3600),
            ("idle-timeout", idleTimeout, 1...86_400), ("write-timeout", writeTimeout, 1...3600),
            ("connections-per-address", connectionsPerAddress ?? 0, 0...10_000_000),
            ("posted-bytes", postedBytes ?? 65_536, 65_536...(1 << 36)),
            ("answer-timeout", answerTimeout ?? 1, 1...86_400),
            ("buffer-bytes", bufferBytes ?? 4_194_304, 4_194_304...(1 << 40)),
            ("accept-rate", acceptRate ?? 0, 0...10_000_000), ("stream-timeout", streamTimeout ?? 1, 1...86_400),
        ]
        for (name, value, range) in flags where !range.contains(value) {
            throw ValidationError("--\(name) takes \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// - Parameters:
    ///   - history: events that a channel's feed keeps; the ring keeps as many.
    ///   - eventBytes: the largest comment.
    ///   - clients: what the file says about clients; flags go before it.
    func limits(history: Int, eventBytes: Int, clients: ClientSetting) -> EdgeLimits {
        var limits = EdgeLimits()
        limits.maxConnections = maxConnections
        limits.headerBytes = headerBytes
        limits.urlBytes = urlBytes
        limits.bodyBytes = eventBytes
        limits.batchBytes = batchBytes
        limits.commentsPerPost = commentsPerPost
        limits.channelsPerPoll = channelsPerPoll
        limits.headerTimeout = Int64(headerTimeout) * 1000
        limits.bodyTimeout = Int64(bodyTimeout) * 1000
        limits.idleTimeout = Int64(idleTimeout) * 1000
        limits.writeTimeout = Int64(writeTimeout) * 1000
        limits.ringEvents = max(limits.ringEvents, history)
        if let number = connectionsPerAddress ?? clients.connectionsPerAddress { limits.connectionsPerAddress = number }
        if let postedBytes { limits.postedBytes = postedBytes }
        if let answerTimeout { limits.answerTimeout = Int64(answerTimeout) * 1000 }
        if let bufferBytes { limits.bufferBytes = bufferBytes }
        if let number = acceptRate ?? clients.acceptsPerSecond { limits.acceptsPerSecond = number }
        if let seconds = streamTimeout ?? clients.streamTimeout { limits.streamTimeout = Int64(seconds) * 1000 }
        return limits
    }

    func proxies(_ clients: ClientSetting) -> ProxyTrust {
        ProxyTrust(
            ranges: proxy.isEmpty ? clients.proxies : proxy.compactMap(AddressRange.init),
            speaksProxyProtocol: proxyProtocol || clients.speaksProxyProtocol)
    }

    /// The same flags again, for a child.
    var words: [String] {
        [
            "--max-connections", "\(maxConnections)", "--header-bytes", "\(headerBytes)", "--url-bytes", "\(urlBytes)",
            "--batch-bytes", "\(batchBytes)", "--comments-per-post", "\(commentsPerPost)", "--channels-per-poll",
            "\(channelsPerPoll)", "--header-timeout", "\(headerTimeout)", "--body-timeout", "\(bodyTimeout)",
            "--idle-timeout", "\(idleTimeout)", "--write-timeout", "\(writeTimeout)",
        ] + given
    }

    private var given: [String] {
        var words = proxy.flatMap { ["--proxy", $0] } + (proxyProtocol ? ["--proxy-protocol"] : [])
        if let connectionsPerAddress { words += ["--connections-per-address", "\(connectionsPerAddress)"] }
        if let postedBytes { words += ["--posted-bytes", "\(postedBytes)"] }
        if let answerTimeout { words += ["--answer-timeout", "\(answerTimeout)"] }
        if let bufferBytes { words += ["--buffer-bytes", "\(bufferBytes)"] }
        if let acceptRate { words += ["--accept-rate", "\(acceptRate)"] }
        if let streamTimeout { words += ["--stream-timeout", "\(streamTimeout)"] }
        return words
    }
}
