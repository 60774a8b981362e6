/// Decides who may see the dashboard. Pure.
///
/// Three kinds of foreign request are recognized: fetches by a page of another origin carry `Origin`; fetches by a page
/// whose name was rebound to this machine carry that name as `Host`; requests through a proxy carry a proxy's fields,
/// another `Host`, or HTTP/1.0.
struct DashboardGate {
    private let audience: DashboardOptions.Audience?

    /// - Parameter audience: nil when there is no dashboard.
    init(_ audience: DashboardOptions.Audience?) {
        self.audience = audience
    }

    /// Whether the path belongs to the dashboard.
    func isDashboard(_ path: Span<UInt8>) -> Bool {
        audience != nil && (path.equals("/dashboard") || path.starts(with: "/dashboard."))
    }

    /// Admits the request, or throws an error that says why not.
    func check(_ head: RequestHead, of bytes: Span<UInt8>) throws(HTTPError) {
        guard head.origin.isEmpty else {
            throw HTTPError(.forbidden, "pages of other origins may not read the dashboard")
        }
        if audience == .everyone { return }
        guard head.minorVersion == 1, !head.isForwarded, Self.isLoopback(bytes.extracting(head.host)) else {
            throw HTTPError(
                .notFound, "the dashboard is for this machine only; tidings edge --dashboard shows it to everyone")
        }
    }

    /// Whether a `Host` field names this machine: `localhost`, `127.0.0.1` or `[::1]`, with any port.
    static func isLoopback(_ host: Span<UInt8>) -> Bool {
        for name in loopbackNames {
            let length = name.utf8CodeUnitCount
            guard host.count >= length, host.extracting(0..<length).equalsIgnoringCase(name) else { continue }
            return isPort(host.extracting(length..<host.count))
        }
        return false
    }

    private static let loopbackNames: [StaticString] = ["localhost", "127.0.0.1", "[::1]"]

    /// Whether the text is empty, or a colon and digits.
    private static func isPort(_ text: Span<UInt8>) -> Bool {
        if text.count == 0 { return true }
        guard text[0] == 0x3A else { return false }
        for index in 1..<text.count where !text[index].isDigit { return false }
        return true
    }
}

/// The dashboard: a page at `/dashboard`, and its data at `/dashboard.json`.
public struct DashboardOptions: Sendable {
    /// Who may see it.
    public enum Audience: Sendable {
        /// Clients on this machine that do not come through a proxy. Only for an edge that listens on the loopback
        /// interface.
        case local
        /// Everyone who can reach the edge.
        case everyone
    }

    public let page: EdgePage
    public let audience: Audience

    public init(page: EdgePage, audience: Audience) {
        self.page = page
        self.audience = audience
    }
}
