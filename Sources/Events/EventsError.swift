import Glibc

/// What went wrong in the event loop's module.
public struct EventsError: Error, CustomStringConvertible {
    /// The system's error number (`errno`).
    public let code: Int32
    /// What failed, and what to do about it.
    public let message: String

    public init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String {
        "\(message) (\(String(cString: strerror(code))))"
    }
}
