internal import Redis

extension FunctionLibrary {
    /// The library `thoonk`: each verb of the Thoonk contract is one function, and so one atomic step.
    ///
    /// Its files in `Library` are joined in this order, since a file of Lua uses only what stands before it. Raise the
    /// version when a function changes: a client replaces an older library and keeps a newer one.
    static let thoonk: FunctionLibrary = {
        let version: Int64 = 5
        let files = [
            PackageResources.library_lua, PackageResources.feeds_lua, PackageResources.feed_lua,
            PackageResources.sorted_feed_lua, PackageResources.queue_lua, PackageResources.job_lua,
            PackageResources.claims_lua, PackageResources.maintenance_lua,
        ]
        let head = Array("#!lua name=thoonk\nlocal VERSION = \(version)\n".utf8)
        return FunctionLibrary(name: "thoonk", version: version, source: files.reduce(head) { $0 + [10] + $1 })
    }()
}
