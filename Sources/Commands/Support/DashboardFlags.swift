import ArgumentParser
import Configuration
import Edge

/// Who gets to see the dashboard: the flag, else what tidings.yaml says, else what the command finds right.
struct DashboardFlags: ParsableArguments {
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: """
            Show the state of the pipeline at /dashboard to whoever reaches the edge: no password is asked. ('up' shows it \
            to this machine unless told otherwise; key edge.dashboard)
            """)
    var dashboard: Bool?

    /// What `up` finds right, handed to its edges.
    @Flag(name: .customLong("local-dashboard"), help: .hidden)
    var isLocal = false

    func setting(_ configured: DashboardSetting?) -> DashboardSetting {
        dashboard.map { $0 ? .everyone : .off } ?? configured ?? (isLocal ? .local : .off)
    }

    /// The same flags again, for a child.
    ///
    /// - Parameter isLocal: what to do when nobody says anything.
    func words(isLocal: Bool = false) -> [String] {
        if let dashboard { return [dashboard ? "--dashboard" : "--no-dashboard"] }
        return isLocal || self.isLocal ? ["--local-dashboard"] : []
    }
}
