package import Redis

extension FunctionLibrary {
    /// The library `tidings`: lanes, feeds, processes.
    ///
    /// Its files in `Library` are joined in this order, since a file of Lua uses only what stands before it. Lua allows 200
    /// local variables, so a file of which no other uses anything is a block. Raise the version with every change of one of
    /// them: a process replaces an older library, and keeps a newer one.
    package static let tidings: FunctionLibrary = {
        let version: Int64 = 14
        let shared = [
            PackageResources.library_lua, PackageResources.epoch_lua, PackageResources.former_lua,
            PackageResources.states_lua, PackageResources.feeds_lua, PackageResources.processes_lua,
            PackageResources.lanes_lua, PackageResources.jobs_lua, PackageResources.records_lua,
            PackageResources.letters_lua, PackageResources.windows_lua, PackageResources.changes_lua,
            PackageResources.closings_lua, PackageResources.rewriting_lua,
        ]
        let blocks = [
            PackageResources.inlets_lua, PackageResources.commit_lua, PackageResources.enqueue_lua,
            PackageResources.control_lua, PackageResources.status_lua, PackageResources.erasure_lua,
        ]
        let head = Array("#!lua name=tidings\nlocal VERSION = \(version)\n".utf8)
        let source = shared.reduce(head) { $0 + [10] + $1 }
        return FunctionLibrary(
            name: "tidings", version: version,
            source: blocks.reduce(source) { $0 + Array("\ndo\n".utf8) + $1 + Array("\nend\n".utf8) })
    }()
}
