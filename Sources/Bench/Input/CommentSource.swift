import Pipeline
package import Store

/// An event of a benchmark, and the conversation that it belongs to.
package struct LoadComment: Sendable, Equatable {
    package let thread: String
    /// What another event of the same run never has.
    package let eventID: String
    /// The event as JSON.
    package let bytes: [UInt8]
}

/// An endless row of events, none of which repeats another.
package protocol CommentSource {
    mutating func next() -> LoadComment
}

extension CommentSource {
    package mutating func next(_ count: Int) -> [LoadComment] {
        (0..<count).map { _ in next() }
    }

    /// The next events by partition, each partition's in their order.
    package mutating func next(_ count: Int, for layout: PipelineLayout) -> [Int: [[UInt8]]] {
        var result: [Int: [[UInt8]]] = [:]
        for _ in 0..<count {
            let comment = next()
            result[layout.partition(of: comment.thread), default: []].append(comment.bytes)
        }
        return result
    }
}

/// What the events of a benchmark are like.
package enum BenchInput: CustomStringConvertible {
    /// ``WorstComments``.
    case worst
    /// ``LifeComments`` with this seed.
    case life(seed: UInt64)
    case file(CommentFile)

    /// The events from the first one on: each call gives the same.
    package func source() -> any CommentSource {
        switch self {
        case .worst: WorstComments()
        case .life(let seed): LifeComments(seed: seed)
        case .file(let file): file
        }
    }

    package var isWorst: Bool {
        if case .worst = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .worst: "worst"
        case .life(let seed): "life, seed \(seed)"
        case .file(let file): "\(file.path), \(file.count) events"
        }
    }
}

/// New comments of about 400 bytes, spread evenly over 500 conversations and 2,000 authors: in a batch hardly any two
/// have one of these in common, so their work cannot be grouped.
package struct WorstComments: CommentSource {
    private var index = 0

    private static let text = String(repeating: "a comment as people write them, with a few words more, ", count: 3)
    private static let authors = 2000

    package init() {}

    package mutating func next() -> LoadComment {
        defer { index += 1 }
        let thread = "t\(index % BenchShape.conversations)"
        let author = index % Self.authors
        let event = """
            {"event_id":"\(index)","id":"c-\(index)","type":"comment.created","thread":"\(thread)","forum":"bench",\
            "author":{"id":\(author),"name":"reader-\(author)","email":"r@example.org"},\
            "text":"\(Self.text)","created_at":"2013-11-07T06:20:48Z","ip":"198.51.100.2"}
            """
        return LoadComment(thread: thread, eventID: String(index), bytes: Array(event.utf8))
    }
}
