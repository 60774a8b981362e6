@testable import Edge

/// Answers posted comments with what the test says; keeps what came.
final class FakeSink: CommentSink {
    var verdict: CommentVerdict? = .accepted(ids: ["id-1"])
    private(set) var bodies: [(body: String, ndjson: Bool)] = []
    private var waiting: [(CommentVerdict) -> Void] = []

    func accept(_ body: [UInt8], ndjson: Bool, completion: @escaping (CommentVerdict) -> Void) {
        bodies.append((String(decoding: body, as: UTF8.self), ndjson))
        if let verdict { completion(verdict) } else { waiting.append(completion) }
    }

    /// Answers what was left unanswered.
    func answer(_ verdict: CommentVerdict) {
        for completion in waiting { completion(verdict) }
        waiting = []
    }
}
