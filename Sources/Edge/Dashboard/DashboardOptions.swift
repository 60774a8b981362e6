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
