public import Logging

extension Logger {
    /// Says nothing: a test looks at what happened, not at what was said about it.
    public static var silent: Logger {
        Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    }
}
