internal import CYaml

extension YAMLNode {
    /// Lists and mappings may be nested so deep: a parser that calls itself for each level needs a bound.
    public static let maxDepth = 64

    /// Reads a text with one document.
    ///
    /// - Returns: nil when there is none: the text is empty, or holds comments only.
    /// - Throws: ``YAMLError``, also for what YAML allows and this refuses: a second document, keys that are no texts, a
    ///   key that stands twice in a mapping, deeper nesting than ``maxDepth``.
    public static func parse(_ text: String) throws(YAMLError) -> YAMLNode? {
        try YAMLParser(Array(text.utf8)).document()
    }
}

/// The one owner of a parser of libyaml: made in `init`, freed in `deinit`, never handed out.
private final class YAMLParser {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    /// libyaml reads these bytes as it goes.
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private var anchors: [String: YAMLNode] = [:]

    init(_ text: [UInt8]) throws(YAMLError) {
        parser = .allocate(capacity: 1)
        bytes = .allocate(capacity: max(1, text.count))
        _ = bytes.initialize(from: text)
        // Zeroed by libyaml also when it fails, so that it can be deleted.
        guard yaml_parser_initialize(parser) == 1 else { throw YAMLError(line: nil, problem: "out of memory") }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    /// The only document; nil when there is none.
    func document() throws(YAMLError) -> YAMLNode? {
        // The stream begins.
        _ = try next()
        guard case .documentStart = try next().kind else { return nil }
        let root = try node(try next(), depth: 0)
        // The document ends.
        _ = try next()
        let end = try next()
        guard case .streamEnd = end.kind else {
            throw YAMLError(line: end.line, problem: "but found another document")
        }
        return root
    }

    private func node(_ event: ParserEvent, depth: Int) throws(YAMLError) -> YAMLNode {
        guard depth <= YAMLNode.maxDepth else {
            throw YAMLError(line: event.line, problem: "lists and mappings are nested too deep")
        }
        let content: YAMLNode.Content
        switch event.kind {
        case .alias:
            guard let anchor = event.anchor, let node = anchors[anchor] else {
                throw YAMLError(line: event.line, problem: "found undefined alias")
            }
            return node
        case .scalar(let text): content = .scalar(text)
        case .sequenceStart: content = .sequence(try elements(depth: depth + 1))
        case .mappingStart: content = .mapping(try members(depth: depth + 1))
        default: throw YAMLError(line: event.line, problem: "did not find expected node content")
        }
        let node = YAMLNode(content, line: event.line, column: event.column)
        if let anchor = event.anchor { anchors[anchor] = node }
        return node
    }

    private func elements(depth: Int) throws(YAMLError) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try next()
            if case .sequenceEnd = event.kind { return elements }
            elements.append(try node(event, depth: depth))
        }
    }

    private func members(depth: Int) throws(YAMLError) -> [YAMLNode.Member] {
        var members: [YAMLNode.Member] = []
        var keys: Set<[UInt8]> = []
        while true {
            let event = try next()
            if case .mappingEnd = event.kind { return members }
            guard let key = try node(event, depth: depth).scalar else {
                throw YAMLError(line: event.line, problem: "a key is no text")
            }
            guard keys.insert(Array(key.utf8)).inserted else {
                throw YAMLError(line: event.line, problem: "the key '\(key)' stands twice")
            }
            members.append(
                YAMLNode.Member(key: key, line: event.line, value: try node(try next(), depth: depth)))
        }
    }

    private func next() throws(YAMLError) -> ParserEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure }
        defer { yaml_event_delete(&event) }
        return ParserEvent(event)
    }

    /// Why the parser has stopped.
    private var failure: YAMLError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "out of memory"
        switch parser.pointee.error {
        case YAML_READER_ERROR:
            let read = bytes.prefix(parser.pointee.problem_offset)
            return YAMLError(line: read.count { $0 == UInt8(ascii: "\n") } + 1, problem: problem)
        case YAML_SCANNER_ERROR, YAML_PARSER_ERROR:
            return YAMLError(line: Int(parser.pointee.problem_mark.line) + 1, problem: problem)
        default:
            return YAMLError(line: nil, problem: problem)
        }
    }
}

/// What libyaml has read: the start or the end of something, or a text.
private struct ParserEvent {
    enum Kind {
        case documentStart, streamEnd, alias, sequenceStart, sequenceEnd, mappingStart, mappingEnd
        case scalar(String)
        /// The start of the stream, the end of a document.
        case other
    }

    let kind: Kind
    /// The name that it gives, or of an alias: that it refers to.
    let anchor: String?
    let line: Int
    let column: Int

    /// Copies what it needs: the event may be deleted.
    init(_ event: yaml_event_t) {
        line = Int(event.start_mark.line) + 1
        column = Int(event.start_mark.column) + 1
        switch event.type {
        case YAML_DOCUMENT_START_EVENT: (kind, anchor) = (.documentStart, nil)
        case YAML_STREAM_END_EVENT: (kind, anchor) = (.streamEnd, nil)
        case YAML_ALIAS_EVENT: (kind, anchor) = (.alias, ParserEvent.text(event.data.alias.anchor))
        case YAML_SCALAR_EVENT:
            // The length counts: `"\0"` is a text of one character.
            let bytes = UnsafeBufferPointer(start: event.data.scalar.value, count: event.data.scalar.length)
            kind = .scalar(String(decoding: bytes, as: UTF8.self))
            anchor = ParserEvent.text(event.data.scalar.anchor)
        case YAML_SEQUENCE_START_EVENT:
            (kind, anchor) = (.sequenceStart, ParserEvent.text(event.data.sequence_start.anchor))
        case YAML_SEQUENCE_END_EVENT: (kind, anchor) = (.sequenceEnd, nil)
        case YAML_MAPPING_START_EVENT:
            (kind, anchor) = (.mappingStart, ParserEvent.text(event.data.mapping_start.anchor))
        case YAML_MAPPING_END_EVENT: (kind, anchor) = (.mappingEnd, nil)
        default: (kind, anchor) = (.other, nil)
        }
    }

    private static func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        bytes.map { String(cString: $0) }
    }
}
