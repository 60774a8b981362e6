import Configuration
import Edge
import Pipeline
import Store
import Yams

/// What the configuration makes of a pool of processes: tells at a SIGHUP whether they can go on, and how.
struct PoolShape {
    /// What edges read of the configuration, in a form that can be compared.
    struct Edges {
        let limits: EdgeLimits
        /// All that the file says beside the limits of the edge.
        let rest: Node?
        /// Another one when a key is another.
        let keys: Int

        /// - Parameter limits: those that flags, environment and file amount to.
        init(_ settings: Configuration, limits: EdgeLimits) throws {
            self.limits = limits
            rest = settings.rest
            keys = try settings.access.digest()
        }
    }

    /// Must stay as long as a process runs.
    let layout: PipelineLayout
    /// How long the processes have to end in order, in milliseconds.
    let grace: Int64
    /// Nil: no edges are in the pool.
    var edges: Edges?

    /// Whether edges need not be replaced: what is another are limits, which they take as they run. False also where nothing
    /// is another: then they are replaced because somebody wants it.
    func differsOnlyInLimits(from earlier: PoolShape) -> Bool {
        guard let edges, let before = earlier.edges else { return false }
        return edges.limits != before.limits && edges.rest == before.rest && edges.keys == before.keys
    }
}
