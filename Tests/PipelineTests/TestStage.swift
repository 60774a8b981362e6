import JSON
import Pipeline

/// A stage of a test: a closure decides.
final class TestStage: Stage {
    private let decide: (Event) throws(StageError) -> Disposition

    init(_ decide: @escaping (Event) throws(StageError) -> Disposition) {
        self.decide = decide
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        try decide(event)
    }

    /// Adds its name to the member `path` and hands the event on.
    static func step(_ name: String) -> TestStage {
        TestStage { event throws(StageError) in
            var event = event
            event.fields["path"] = .string((event.fields["path"]?.string ?? "") + name)
            return .forward([event])
        }
    }
}
