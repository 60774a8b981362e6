import Pipeline

/// Hands everything on and tells the size of each batch.
final class BatchCounter: Stage {
    private let tell: (Int) -> Void

    init(_ tell: @escaping (Int) -> Void) {
        self.tell = tell
    }

    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        tell(batch.count)
        ready(nil)
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .forward([event])
    }
}
