/// Why bytes are no JSON that is taken here.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        /// No bytes, or nothing but white space.
        case empty
        /// More bytes than the parser's limit.
        case tooLarge
        /// Arrays and objects nested beyond the parser's limit.
        case tooDeep
        case notUTF8
        /// A string without an end, with a bare control character or with an unknown escape.
        case string
        /// Something that begins like a number and is none, or a number that does not fit.
        case number
        /// Any other violation of the grammar.
        case syntax
        /// JSON, but no object where one is required.
        case notAnObject
        case outOfMemory
    }

    public let code: Code
    /// What is wrong, and what to do about it.
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
