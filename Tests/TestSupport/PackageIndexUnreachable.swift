/// pip found no way to its index: a test that needs a package cannot run, although nothing of ours is at fault.
public struct PackageIndexUnreachable: Error {
    public init() {}
}
