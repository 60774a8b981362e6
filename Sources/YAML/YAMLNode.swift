/// A value of a YAML document: a text, a list, or keys with values; and where it stands.
///
/// Texts are not interpreted: `yes`, `0x10` and `"7"` are the texts as they are written, without their quotation marks.
/// What a text means is for its reader to say. An alias is replaced by the value that it names. Tags are not kept.
public struct YAMLNode: Sendable {
    public enum Content: Hashable, Sendable {
        case scalar(String)
        case sequence([YAMLNode])
        /// The members in the order of the document. No key stands twice.
        case mapping([Member])
    }

    /// A key and its value.
    public struct Member: Hashable, Sendable {
        public let key: String
        /// The line of the key, counted from 1.
        public let line: Int
        public let value: YAMLNode

        public init(key: String, line: Int, value: YAMLNode) {
            self.key = key
            self.line = line
            self.value = value
        }

        /// Compares what they say, not where.
        public static func == (left: Member, right: Member) -> Bool {
            left.key.utf8.elementsEqual(right.key.utf8) && left.value == right.value
        }

        public func hash(into hasher: inout Hasher) {
            hasher.combine(key)
            hasher.combine(value)
        }
    }

    public let content: Content
    /// The line where it begins, counted from 1. Of an alias: where the value that it names begins.
    public let line: Int
    /// The column where it begins, counted from 1 in characters.
    public let column: Int

    public init(_ content: Content, line: Int, column: Int) {
        self.content = content
        self.line = line
        self.column = column
    }

    /// Another value in its place.
    public func with(_ content: Content) -> YAMLNode {
        YAMLNode(content, line: line, column: column)
    }

    /// The text; nil for a list or a mapping. An empty value is an empty text.
    public var scalar: String? {
        if case .scalar(let text) = content { text } else { nil }
    }

    /// The elements of a list; nil for anything else.
    public var sequence: [YAMLNode]? {
        if case .sequence(let elements) = content { elements } else { nil }
    }

    /// The members of a mapping; nil for anything else.
    public var mapping: [Member]? {
        if case .mapping(let members) = content { members } else { nil }
    }
}

extension YAMLNode: Hashable {
    /// Compares what they say, not where.
    public static func == (left: YAMLNode, right: YAMLNode) -> Bool {
        left.content == right.content
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(content)
    }
}

/// A text that is no YAML document, or one that is not taken.
public struct YAMLError: Error, Equatable, CustomStringConvertible {
    /// Counted from 1; nil when the place is not known.
    public let line: Int?
    /// What is wrong.
    public let problem: String

    public var description: String {
        line.map { "line \($0): \(problem)" } ?? problem
    }
}
