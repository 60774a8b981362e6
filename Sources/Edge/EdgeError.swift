/// Why an edge could not start, or a part of it not be made.
public struct EdgeError: Error, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Code: Sendable {
        /// A key cannot be used.
        case key
    }

    public let code: Code
    /// What failed, and what to do about it.
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
