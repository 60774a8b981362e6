/// What a command left behind: how it ended and what it wrote.
public struct CommandResult: Sendable {
    public let exit: ProcessExit
    /// Its standard output.
    public let output: String
    /// Its standard error.
    public let errors: String

    public var succeeded: Bool { exit == .code(0) }
}
