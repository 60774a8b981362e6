public import Redis

extension FunctionLibrary {
    /// The library `tidings` (tidings.lua): lanes, feeds, processes.
    public static let tidings = FunctionLibrary(name: "tidings", version: 7, source: PackageResources.tidings_lua)
}
