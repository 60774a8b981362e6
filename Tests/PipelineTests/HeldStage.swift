import Pipeline

/// Publishes like ``WorkerPool/publisher``, but holds each batch until it is let go.
final class HeldStage: Stage {
    var isOpen = false
    /// Lets the batch go that is held; nil when none is.
    private(set) var release: (() -> Void)?

    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        if isOpen { return ready(nil) }
        release = { [unowned self] in
            release = nil
            ready(nil)
        }
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .publish(event, channels: ["thread:0"])
    }
}
