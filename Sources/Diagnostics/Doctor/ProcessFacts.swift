/// A process as its heartbeats show it.
struct ProcessFacts {
    var id: String
    /// The last heartbeat, in ms since 1970 by the server's clock.
    var beat: Int64
    /// Its hash; empty when that has expired.
    var fields: [String: String] = [:]

    var isWorker: Bool { fields["role"] == "worker" }
    var isLeaving: Bool { fields["leaving"] == "1" }
    var stages: [String] { (fields["stages"] ?? "").split(separator: ",").map(String.init) }
}
