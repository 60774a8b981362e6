/// A stage that changes nothing: for trying out a pipeline's shape and for measuring what the lanes cost.
public final class PassStage: Stage {
    public init() {}

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .forward([event])
    }
}
