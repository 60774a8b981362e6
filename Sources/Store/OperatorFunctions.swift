package import JSON
import Redis

extension FunctionCall where Answer == Int {
    /// Pauses the lanes of a stage, or lets them go on. Gives their number.
    package static func pause(_ layout: PipelineLayout, stage: String, isPaused: Bool) -> Self {
        FunctionCall("pause", [layout.name, stage, isPaused ? "1" : "0"]) { $0.integer.map { Int($0) } }
    }

    /// Drops every event that waits before a lane, also those that a worker has in hand. Gives their number.
    package static func purge(_ lane: LaneID, of layout: PipelineLayout) -> Self {
        FunctionCall("purge", keys: [layout.queue(lane), layout.lane(lane)]) { $0.integer.map { Int($0) } }
    }
}

extension FunctionCall where Answer == Int64 {
    /// The version of the library that the server has.
    package static var version: Self {
        FunctionCall("version", isReadOnly: true) { $0.integer }
    }
}

extension FunctionCall where Answer == JSONObject {
    /// Everything that `tidings status` shows of a pipeline.
    package static func stats(pipeline: String, parser: JSONParser) -> Self {
        FunctionCall("stats", [pipeline], isReadOnly: true) { value in
            value.bytes.flatMap { try? parser.parseObject($0) }
        }
    }
}

/// One page of the search for idle feeds.
package struct SweepAnswer: Equatable {
    /// Where the next page begins; `0` at the end.
    package let cursor: String
    package let removed: Int64
}

extension FunctionCall where Answer == SweepAnswer {
    /// Looks at one in `share` of the channel feeds, and removes those that have been idle for longer than they may be.
    package static func sweep(from cursor: String, share: Int64) -> Self {
        FunctionCall("sweep", [cursor, String(share)]) { value in
            guard let parts = value.array, parts.count == 2, let cursor = parts[0].text else { return nil }
            return SweepAnswer(cursor: cursor, removed: parts[1].integer ?? 0)
        }
    }
}

extension FunctionCall where Answer == [Bool] {
    /// Counts comments of authors in a window of time. Gives for each whether it is beyond the author's limit.
    ///
    /// - Parameters:
    ///   - window: in milliseconds.
    ///   - limit: comments that an author may write in a window.
    ///   - comments: who wrote each, and a number that names it: the same one again is not counted again.
    package static func rate(
        pipeline: String, window: Int64, limit: Int, _ comments: [(account: String, key: Int64)]
    ) -> Self {
        FunctionCall(
            "rate", keys: ["\(pipeline):rate"],
            [String(window), String(limit)] + comments.flatMap { [$0.account, String($0.key)] }
        ) { value in value.array?.map { $0.integer == 1 } }
    }
}
