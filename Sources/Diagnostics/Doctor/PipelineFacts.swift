import Pipeline
import Store

/// The keys of a pipeline.
struct PipelineFacts {
    /// What a partition keeps besides its lanes.
    struct Partition {
        var number: Int
        var epoch: Int64?
        /// The run id of the server that the epoch belongs to.
        var runID: String?
        /// Keys in each of the two sets of ids seen, and whether it expires.
        var seen: [Seen] = []
    }

    struct Seen {
        var key: String
        var count: Int64
        var expires: Bool
    }

    /// A key of another type than its name says.
    struct ForeignKey: Equatable {
        var key: String
        var expected: String
        var actual: String
    }

    /// A key of this pipeline's name for a stage or a partition that it does not have.
    struct StrayKey: Equatable {
        var key: String
        /// `queue`, `lane`, `dead` or `held`.
        var kind: String
        var partition: Int
        var stage: String
        /// Elements of its list.
        var length: Int64
    }

    /// The shape that is looked at: the one in Redis, else the expected one.
    var layout: PipelineLayout
    /// `NAME:config`; empty when there is none.
    var config: [String: String] = [:]
    var partitions: [Partition] = []
    var lanes: [LaneFacts] = []
    var processes: [ProcessFacts] = []
    var foreignKeys: [ForeignKey] = []
    var strayKeys: [StrayKey] = []
    /// Keys that were looked at in search of stray ones, and how many there are.
    var keysSeen: Int64 = 0
    var keysThere: Int64 = 0
    /// The server's clock when the processes were read, in ms since 1970.
    var time: Int64 = 0

    /// The processes that show what they are, and were heard within that many ms.
    func living(within lifetime: Int64) -> [ProcessFacts] {
        processes.filter { !$0.fields.isEmpty && $0.beat >= time - lifetime }
    }

    /// The ids heard within that many ms: what keeps a lease. A beat from the future counts while its process shows itself.
    func heard(within lease: Int64) -> Set<String> {
        Set(processes.filter { $0.beat >= time - lease && (!$0.fields.isEmpty || $0.beat <= time + 5000) }.map(\.id))
    }
}
