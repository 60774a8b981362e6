import Events
import JSON
import Pipeline

/// Hands everything on after a few milliseconds, and tells of each event when it comes in and when it goes.
final class SlowStage: Stage {
    private let tell: (_ number: Int64, _ isInside: Bool) -> Void
    private var timer: Timer?

    init(_ tell: @escaping (_ number: Int64, _ isInside: Bool) -> Void) {
        self.tell = tell
    }

    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        for event in batch { tell(event.fields["n"]?.int ?? -1, true) }
        let timer = Timer(on: context.loop) { ready(nil) }
        timer.schedule(after: 20)
        self.timer = timer
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        tell(event.fields["n"]?.int ?? -1, false)
        return .forward([event])
    }
}
