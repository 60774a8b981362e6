import Redis

/// All links between the processes and the server.
final class SimulatedNetwork {
    private var links: [Link] = []
    private var orphans = 0

    /// In the order in which they were made.
    var all: [Link] {
        tidy()
        return links
    }

    func add(_ link: Link) {
        tidy()
        links.append(link)
    }

    /// The link with this name.
    func link(_ name: String) -> Link? {
        tidy()
        return links.first { $0.name == name }
    }

    /// Forgets links that have ended, and names those that lost their process.
    func tidy() {
        links.removeAll(where: \.isClosed)
        for link in links where link.isOrphan && !link.name.contains("~") {
            orphans += 1
            link.name += "~\(orphans)"
        }
    }

    /// Collects the pushes that arrived at subscribers.
    func collect() {
        for link in links { link.collect() }
    }

    /// Ends every connection without telling anybody.
    func clear() {
        for link in links { link.close() }
        links = []
        orphans = 0
    }
}
