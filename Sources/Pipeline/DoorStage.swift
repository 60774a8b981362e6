/// The stage of a door: hands every event on. The commit finds its partition.
final class DoorStage: Stage {
    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .forward([event])
    }
}
