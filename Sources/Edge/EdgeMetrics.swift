/// The counters and gauges of an edge. Gauges are marked; everything else only grows.
final class EdgeMetrics {
    /// Gauge: open connections.
    var connections = 0
    var connectionsAccepted = 0
    var connectionsRefused = 0
    var connectionsRefusedByAddress = 0
    var acceptPauses = 0
    /// Times that accepting waited for the rate of new connections.
    var acceptDelays = 0
    /// Connections of proxies that did not begin with a valid PROXY header.
    var proxyHeadersMalformed = 0
    /// Gauge: held polls and streams.
    var held = 0
    var eventsReceived = 0
    var eventsDelivered = 0
    var loads = 0
    /// Feeds that were found to be recreated, or of another epoch.
    var resets = 0
    /// Readers that were told that their position is lost.
    var positionsLost = 0
    /// Channels without readers that were dropped to free memory.
    var ringsEvicted = 0
    /// Times that a ring dropped events to free memory.
    var ringsShortened = 0
    var commentsPosted = 0
    /// Gauge: bytes of posts that the sink has not answered.
    var postedBytes = 0
    /// Posts refused because too many others were pending.
    var postsRefused = 0
    /// Comments refused because there were too many in one body.
    var commentsRefused = 0
    /// Comments without an API key whose client's address is not known, so that no limit by address applied.
    var postsUnattributed = 0
    /// Gauge: addresses that limits of posts are remembered for.
    var postersRemembered = 0
    /// Answers that did not fit into the socket's buffer at once.
    var writesDelayed = 0
    /// Clients that disconnected while their request was pending.
    var clientsGone = 0
    /// Connections closed by a deadline.
    var timeouts = 0
    /// Of these, connections that made progress but did not receive the whole answer in time.
    var answersOverdue = 0
    /// Memory used for buffered input and blocked answers.
    var buffers: MemoryBudget?
    /// Requests refused because too much input of other clients was buffered.
    var inputsRefused = 0
    /// Blocked answers that were cut to free memory.
    var answersCut = 0
    /// Readings of the pipeline's status for the dashboard.
    var statusReads = 0
    private var answers: [HTTPStatus: Int] = [:]
    private var reached: [EdgeLimit: Int] = [:]

    func answered(_ status: HTTPStatus) {
        answers[status, default: 0] += 1
    }

    /// A limit took effect: a client was refused, cut off or delayed, or something was dropped.
    func reached(_ limit: EdgeLimit, times: Int = 1) {
        reached[limit, default: 0] += times
    }

    /// Which limits took effect and how often: `max_connections=3 url_bytes=1`.
    var limitsReached: String {
        EdgeLimit.allCases.compactMap { limit in reached[limit].map { "\(limit.name)=\($0)" } }.joined(separator: " ")
    }

    /// The metrics in Prometheus' text format.
    ///
    /// - Parameter limits: the current limits.
    func text(channels: Int, ringBytes: Int, isReady: Bool, limits: EdgeLimits) -> String {
        var text = ""
        func add(_ name: String, _ kind: String, _ help: String, _ value: Int) {
            text += "# HELP tidings_edge_\(name) \(help)\n# TYPE tidings_edge_\(name) \(kind)\n"
            text += "tidings_edge_\(name) \(value)\n"
        }
        add("ready", "gauge", "1 when Redis responds and announcements arrive.", isReady ? 1 : 0)
        add("connections", "gauge", "Open connections.", connections)
        add("held", "gauge", "Held polls and streams.", held)
        add("channels", "gauge", "Channels with a subscription.", channels)
        add("ring_bytes", "gauge", "Bytes in the rings of all channels.", ringBytes)
        add("connections_accepted_total", "counter", "Connections accepted.", connectionsAccepted)
        add("connections_refused_total", "counter", "Connections refused at the limit.", connectionsRefused)
        add(
            "connections_refused_by_address_total", "counter",
            "Connections, or requests through a proxy, refused at the limit per address.",
            connectionsRefusedByAddress)
        add("accept_delays_total", "counter", "Waits for the rate of new connections.", acceptDelays)
        add("proxy_headers_malformed_total", "counter", "Malformed PROXY headers.", proxyHeadersMalformed)
        add("accept_pauses_total", "counter", "Pauses of accepting when out of descriptors.", acceptPauses)
        add("events_received_total", "counter", "Events announced by Redis.", eventsReceived)
        add("events_delivered_total", "counter", "Events sent to readers.", eventsDelivered)
        add("history_loads_total", "counter", "Histories loaded from feeds.", loads)
        add("feed_resets_total", "counter", "Feeds found to be recreated, or of another epoch.", resets)
        add("positions_lost_total", "counter", "Readers told that their position is lost.", positionsLost)
        add("rings_evicted_total", "counter", "Idle channels dropped to free memory.", ringsEvicted)
        add("rings_shortened_total", "counter", "Rings shortened to free memory.", ringsShortened)
        add("comments_posted_total", "counter", "Comments accepted over HTTP.", commentsPosted)
        add("posted_bytes", "gauge", "Bytes of posts that Redis has not confirmed.", postedBytes)
        add("posts_refused_total", "counter", "Posts refused while too many others were unconfirmed.", postsRefused)
        add("comments_refused_total", "counter", "Comments refused as too many in one request.", commentsRefused)
        add(
            "posts_unattributed_total", "counter",
            "Comments without an API key from this machine, or from a proxy that names no client.", postsUnattributed)
        add("posters", "gauge", "Addresses that the limits of posts are remembered for.", postersRemembered)
        add("writes_delayed_total", "counter", "Answers that had to wait for a slow reader.", writesDelayed)
        add("clients_gone_total", "counter", "Clients that disconnected during their request.", clientsGone)
        add("timeouts_total", "counter", "Connections ended by a deadline.", timeouts)
        add("answers_overdue_total", "counter", "Answers that were not received in time.", answersOverdue)
        add("buffer_bytes", "gauge", "Bytes of buffered input and blocked answers.", buffers?.bytes ?? 0)
        add("inputs_refused_total", "counter", "Requests refused because too much input was buffered.", inputsRefused)
        add("answers_cut_total", "counter", "Blocked answers cut to free memory.", answersCut)
        add("status_reads_total", "counter", "Readings of the pipeline's state for the dashboard.", statusReads)
        text += "# HELP tidings_edge_answers_total Answers by status code.\n"
        text += "# TYPE tidings_edge_answers_total counter\n"
        for (status, count) in answers.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            text += "tidings_edge_answers_total{code=\"\(status.rawValue)\"} \(count)\n"
        }
        return text + limitText(limits)
    }

    /// Every limit is listed from the start, since a rate needs a first value.
    private func limitText(_ limits: EdgeLimits) -> String {
        var text = """
            # HELP tidings_edge_limit Current limits: seconds, bytes or a number.
            # TYPE tidings_edge_limit gauge\n
            """
        for limit in EdgeLimit.allCases {
            text += "tidings_edge_limit{limit=\"\(limit.name)\"} \(limit.amount(in: limits))\n"
        }
        text += """
            # HELP tidings_edge_limit_reached_total Times that a limit took effect.
            # TYPE tidings_edge_limit_reached_total counter\n
            """
        for limit in EdgeLimit.allCases {
            text += "tidings_edge_limit_reached_total{limit=\"\(limit.name)\"} \(reached[limit] ?? 0)\n"
        }
        return text
    }
}

extension EdgeLimit {
    /// The value in the units of Prometheus: times are seconds.
    fileprivate func amount(in limits: EdgeLimits) -> String {
        guard case .time = declaration.field else { return String(value(in: limits)) }
        let seconds = Double(value(in: limits)) / 1000
        return seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)
    }
}
