import Console
import Pipeline
import Store

/// Everything that is judged, as it was found.
struct DoctorFacts {
    /// How redis-cli is called for this server: `redis-cli -s /run/redis.sock`.
    var cli: String
    /// The pipeline as this process's configuration has it.
    var expected: PipelineLayout
    var limits: PipelineLimits
    var duplicates: DuplicatePolicy
    var server: ServerFacts
    var pipeline: PipelineFacts
    var feeds: FeedsFacts
    var system: SystemFacts

    /// A line to type: redis-cli with arguments, quoted for a shell where they need it.
    func line(_ arguments: String...) -> String { line(arguments) }

    func line(_ arguments: [String]) -> String {
        ([cli] + arguments.map(ShellQuote.quoted)).joined(separator: " ")
    }
}
