/// What an `exec` stage is told.
public struct ExecOptions: Sendable {
    /// The program, looked up in `PATH` when it has no slash, and its arguments. No shell reads it.
    public var command: [String]
    /// How long an event may take, in milliseconds, counted from when it is the first that has no answer.
    public var timeout: Int64 = 10_000
    /// How long the program may take until it reads its first line, in milliseconds.
    public var startTimeout: Int64 = 60_000
    /// The longest line, in bytes: of an event, and of an answer.
    public var maxLine = 1 << 20
    /// Events that the program may be given before it has answered the first of them.
    public var inFlight = 512
    /// Bytes of such events; a single larger event is given alone.
    public var inFlightBytes = 1 << 20

    public init(command: [String]) {
        self.command = command
    }
}
