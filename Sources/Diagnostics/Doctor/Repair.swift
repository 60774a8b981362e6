/// What `--fix` can do: each of these loses nothing, also when the pipeline runs meanwhile.
package enum Repair: Hashable {
    /// Loads the function library.
    case loadFunctions
    /// Ends the leases of owners that are dead. Should one of them come back, its token is still its own, or fenced.
    case bury(pipeline: String, owners: [String])
    /// Removes heartbeats that are older than a time, in ms.
    case forgetProcesses(key: String, before: Int64)
    /// Removes one heartbeat. A process that lives after all beats again within seconds.
    case forgetProcess(key: String, id: String)
    /// Takes a feed without keys out of `feeds`.
    case delistFeed(String)
    /// Puts a feed that has keys into `feeds`, so that it is found, and cleared when idle.
    case listFeed(String)
    /// Changes a setting of the running server, and its file where it has one.
    case set(name: String, value: String)

    /// What it is, as in "fixed: …".
    package var title: String {
        switch self {
        case .loadFunctions: "loaded the functions"
        case .bury(_, let owners): "ended the leases of \(owners.joined(separator: ", "))"
        case .forgetProcesses(let key, _): "removed old heartbeats from \(key)"
        case .forgetProcess(let key, let id): "removed \(id) from \(key)"
        case .delistFeed(let feed): "removed \(feed) from feeds"
        case .listFeed(let feed): "added \(feed) to feeds"
        case .set(let name, let value): "set \(name) to \(value)"
        }
    }

    /// The same as it stands in a list of what --fix would do.
    package var plan: String {
        switch self {
        case .loadFunctions: "load the functions"
        case .bury(_, let owners): "end the leases of \(owners.joined(separator: ", "))"
        case .forgetProcesses(let key, _): "remove old heartbeats from \(key)"
        case .forgetProcess(let key, let id): "remove \(id) from \(key)"
        case .delistFeed(let feed): "remove \(feed) from feeds"
        case .listFeed(let feed): "add \(feed) to feeds"
        case .set(let name, let value): "set \(name) to \(value)"
        }
    }
}
