internal import Redis

extension FunctionLibrary {
    /// The library `thoonk` (thoonk.lua): every verb of the Thoonk contract in one step.
    static let thoonk = FunctionLibrary(name: "thoonk", version: 2, source: PackageResources.thoonk_lua)
}
