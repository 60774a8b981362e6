/// Why a stage cannot be built from its options.
public struct CommentsError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        /// A blocked word that is empty or cannot be searched for.
        case word
        /// A blocked pattern that RE2 rejects.
        case pattern
        /// A channel template that is not well formed.
        case template
    }

    public let code: Code
    /// Which option is wrong, why, and what to write instead.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
