import Redis

/// Whether the shape of a pipeline is the one that Redis holds.
package enum HelloAnswer: Equatable {
    /// - Parameter epoch: the one that offsets carry now; 0 when a server with an older library did not say.
    case agreed(epoch: Int64)
    case differs(PipelineMismatch)
}

/// What differs between a process's configuration and the one in Redis, and why the one in Redis stays.
package struct PipelineMismatch: Equatable, CustomStringConvertible {
    package let pipeline: String
    /// `contract`, `partitions` or `stages`.
    package let field: String
    package let stored: String
    package let given: String
    package let reason: String

    /// A sentence for the operator.
    package var description: String {
        "pipeline '\(pipeline)' has \(field) \(stored) in Redis, \(given) here, and \(reason)"
    }
}

extension FunctionCall where Answer == HelloAnswer {
    /// Compares a pipeline's shape with the one in Redis, stores it where none stands or where it may be replaced, and
    /// brings the epoch up to date. To be called after each connect, before anything else, and when epoch or shape may
    /// have changed.
    ///
    /// - Parameter epoch: the highest that the process knows; 0: none. A new one is higher.
    package static func hello(_ layout: PipelineLayout, epoch: Int64 = 0) -> Self {
        FunctionCall(
            "hello",
            [
                layout.name, String(PipelineLayout.contract), String(layout.partitions),
                layout.stages.joined(separator: ","), String(epoch),
            ]
        ) { value in
            guard let words = value.array?.map({ $0.text ?? "" }) else { return nil }
            guard words.first == "DIFFERS", words.count >= 5 else {
                return .agreed(epoch: value.array?.dropFirst().first?.integer ?? 0)
            }
            return .differs(
                PipelineMismatch(
                    pipeline: layout.name, field: words[1], stored: words[2], given: words[3], reason: words[4]))
        }
    }
}

/// What a heartbeat is answered.
package struct BeatAnswer: Equatable {
    /// The ids of all processes that were heard lately.
    package let members: Set<String>
    /// The epoch that offsets carry now; nil when a server with an older library did not say.
    package let epoch: Int64?
}

extension FunctionCall where Answer == BeatAnswer {
    /// Shows that a process lives. Gives the ids of all processes that were heard within `lifetime`, or within the field
    /// `lease` where it is among `fields`. Renews the epoch when the data may have gone back in time. A process whose
    /// shape is not the stored one is refused (``RedisError/Code/outdated``) and not listed.
    ///
    /// - Parameters:
    ///   - role: `worker` or `edge`.
    ///   - stages: which it serves.
    ///   - lifetime: how long the process is listed without another heartbeat, in milliseconds.
    ///   - epoch: the highest that the process knows; 0: none.
    ///   - fields: what else operators see of it.
    package static func beat(
        _ layout: PipelineLayout, process: String, role: String, stages: [String], lifetime: Int64, epoch: Int64 = 0,
        fields: [(String, String)]
    ) -> Self {
        let fields = fields + [("shape", layout.shape), ("epoch", String(epoch))]
        return FunctionCall(
            "beat",
            [layout.name, process, role, stages.joined(separator: ","), String(lifetime)]
                + fields.flatMap { [$0.0, $0.1] }
        ) { value in
            let parts = value.array ?? []
            return BeatAnswer(
                members: Set(parts.compactMap(\.text)), epoch: parts.last?.array?.first?.integer)
        }
    }
}

extension FunctionCall where Answer == [Int64?] {
    /// How long ago each process sent its last heartbeat, in milliseconds; nil for one that is not listed.
    package static func heard(pipeline: String, _ processes: [String]) -> Self {
        FunctionCall("heard", [pipeline] + processes, isReadOnly: true) { value in
            value.array?.map { age in age.integer.flatMap { $0 < 0 ? nil : $0 } }
        }
    }
}
