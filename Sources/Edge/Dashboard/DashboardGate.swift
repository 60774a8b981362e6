/// Decides who gets to see the dashboard. Pure.
///
/// What a browser fetches for a page of another origin carries `Origin`; what a page of that name fetches from this
/// machine after its name was made to point here carries its own `Host`; what came through a proxy carries the proxy's
/// fields, another `Host`, or HTTP/1.0.
struct DashboardGate {
    private let audience: DashboardOptions.Audience?

    /// - Parameter audience: nil: there is no dashboard.
    init(_ audience: DashboardOptions.Audience?) {
        self.audience = audience
    }

    /// Whether there is something at this path.
    func isDashboard(_ path: Span<UInt8>) -> Bool {
        audience != nil && (path.equals("/dashboard") || path.equals("/dashboard.json"))
    }

    /// Lets the request through, or says why not.
    func check(_ head: RequestHead, of bytes: Span<UInt8>) throws(HTTPError) {
        guard head.origin.isEmpty else {
            throw HTTPError(.forbidden, "the dashboard is not for pages of other origins")
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

    /// Whether it is nothing, or a colon and digits.
    private static func isPort(_ text: Span<UInt8>) -> Bool {
        if text.count == 0 { return true }
        guard text[0] == 0x3A else { return false }
        for index in 1..<text.count where !text[index].isDigit { return false }
        return true
    }
}

/// The dashboard: a page at `/dashboard`, and what it shows at `/dashboard.json`.
public struct DashboardOptions: Sendable {
    /// Who gets to see it.
    public enum Audience: Sendable {
        /// Who comes from this machine and through no proxy. Only for an edge that listens on the loopback.
        case local
        /// Whoever reaches the edge.
        case everyone
    }

    public let page: EdgePage
    public let audience: Audience

    public init(page: EdgePage, audience: Audience) {
        self.page = page
        self.audience = audience
    }
}
