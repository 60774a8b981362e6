/// Decides where the dashboard is shown, and to whom. Pure.
///
/// A dashboard for this machine only recognizes requests through a proxy: they carry a proxy's fields, another `Host`,
/// or HTTP/1.0. Pages of other sites are kept out by ``SiteRules``.
struct DashboardGate {
    private let audience: DashboardOptions.Audience?
    /// Whether it has an address of its own.
    private let isApart: Bool

    init(_ options: EdgeOptions) {
        audience = options.dashboard?.audience
        isApart = options.admin != nil
    }

    /// Whether the path belongs to the dashboard, and the dashboard to this entrance.
    func isDashboard(_ path: Span<UInt8>, at entrance: Entrance) -> Bool {
        audience != nil && hasAdministration(entrance) && Self.isDashboard(path)
    }

    /// Whether the path is one of a dashboard: the page, its parts and its data.
    static func isDashboard(_ path: Span<UInt8>) -> Bool {
        path.equals("/dashboard") || path.starts(with: "/dashboard.")
    }

    /// Whether the dashboard and the metrics are served at this entrance.
    func hasAdministration(_ entrance: Entrance) -> Bool {
        isApart == (entrance == .admin)
    }

    /// Admits a request for the dashboard, or throws an error that says why not.
    func check(_ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) throws(HTTPError) {
        if audience == .everyone || entrance == .admin { return }
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
    /// Who may see it where it has no address of its own.
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
