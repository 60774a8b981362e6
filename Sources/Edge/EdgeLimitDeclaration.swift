/// What there is to say about one limit of an edge, but for its name and its default.
public struct EdgeLimitDeclaration: Sendable {
    /// Where the limit stands, and what its number counts.
    public enum Field: Sendable {
        /// Things.
        case number(any (WritableKeyPath<EdgeLimits, Int> & Sendable))
        /// Bytes.
        case bytes(any (WritableKeyPath<EdgeLimits, Int> & Sendable))
        /// Milliseconds.
        case time(any (WritableKeyPath<EdgeLimits, Int64> & Sendable))
    }

    public let field: Field
    /// What it can be set to.
    public let range: ClosedRange<Int>
    /// For a person, without a full stop.
    public let meaning: String

    static func number(
        _ path: any (WritableKeyPath<EdgeLimits, Int> & Sendable), _ range: ClosedRange<Int>, _ meaning: String
    ) -> EdgeLimitDeclaration {
        EdgeLimitDeclaration(field: .number(path), range: range, meaning: meaning)
    }

    static func bytes(
        _ path: any (WritableKeyPath<EdgeLimits, Int> & Sendable), _ range: ClosedRange<Int>, _ meaning: String
    ) -> EdgeLimitDeclaration {
        EdgeLimitDeclaration(field: .bytes(path), range: range, meaning: meaning)
    }

    static func time(
        _ path: any (WritableKeyPath<EdgeLimits, Int64> & Sendable), _ range: ClosedRange<Int>, _ meaning: String
    ) -> EdgeLimitDeclaration {
        EdgeLimitDeclaration(field: .time(path), range: range, meaning: meaning)
    }
}
