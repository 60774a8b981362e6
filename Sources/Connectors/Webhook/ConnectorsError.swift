/// Why a connector cannot be made or cannot work.
public struct ConnectorsError: Error, CustomStringConvertible, Sendable {
    public enum Code: Sendable {
        /// An option that cannot be used.
        case option
        /// A library of the system that is missing, too old or out of memory.
        case library
    }

    public let code: Code
    /// What is wrong and what to do. Never a secret.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
