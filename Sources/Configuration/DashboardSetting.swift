package import Edge
package import Events

/// `edge.dashboard`: who gets to see the dashboard.
package enum DashboardSetting: String, CaseIterable {
    /// Nobody.
    case off = "false"
    /// Who comes from this machine and through no proxy; nobody where the edge does not listen on the loopback.
    case local
    /// Whoever reaches the edge.
    case everyone = "true"

    package init(_ node: ConfigurationNode) throws(ConfigurationError) {
        if try node.string() == "local" {
            self = .local
        } else if let isOn = try? node.bool() {
            self = isOn ? .everyone : .off
        } else {
            throw node.error("'\(try node.string())' is none of true, false and local")
        }
    }

    /// What an edge at an address is told.
    package func options(at address: ListenAddress) -> DashboardOptions? {
        switch self {
        case .off: nil
        case .local: address.isLoopback ? DashboardOptions(page: DashboardPage.page, audience: .local) : nil
        case .everyone: DashboardOptions(page: DashboardPage.page, audience: .everyone)
        }
    }
}
