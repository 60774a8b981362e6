/// What is known of the workers that had an event in hand before and did not commit it.
///
/// Only a death that was seen speaks against an event: its supervisor has reaped the worker, or a worker of the same name
/// has started anew. Of a worker that is cut off from Redis, frozen, or lost with its host nobody knows whether the event
/// has to do with it. Such losses make the event be tried alone, and end it only when there are many.
struct Suspicion: Equatable {
    /// Workers that were seen to die over the event. The first may have died over the batch that the event was in.
    let deaths: Int
    /// Workers that tried the event alone, and of which nothing was heard again.
    let losses: Int

    /// Why the event becomes a dead letter before it is tried again; nil: it is tried.
    func verdict(under limits: PipelineLimits) -> String? {
        if deaths >= limits.deaths { return "poison: \(deaths) workers died over this event" }
        if losses >= limits.unexplainedLosses {
            return
                "lost \(losses) times without a sign of why: workers that tried this event alone were cut off from Redis "
                + "or lost with their hosts, and none came back; look at hosts and network, then retry it"
        }
        return nil
    }
}
