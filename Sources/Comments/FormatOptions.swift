/// What the stage `format` can be told.
public struct FormatOptions: Sendable {
    /// Keys of members that are removed wherever they stand, at any depth.
    public var privateKeys: [String]
    /// Whether `text` is published beside `html`.
    public var keepText: Bool

    public init(private privateKeys: [String] = ["email", "ip"], keepText: Bool = false) {
        self.privateKeys = privateKeys
        self.keepText = keepText
    }
}
