@testable import Edge

/// Answers readings of the pipeline's state when the test says so.
final class FakeStatus: StatusSource {
    /// What each reading is answered with at once; nil: the test answers.
    var document: [UInt8]? = Array(#"{"state":"well"}"#.utf8)
    private(set) var readings = 0
    private var waiting: ((_ body: [UInt8], _ hasAnswer: Bool) -> Void)?

    func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void) {
        readings += 1
        if let document { completion(document, true) } else { waiting = completion }
    }

    /// Answers the reading that was left unanswered.
    func answer(_ text: String) {
        waiting?(Array(text.utf8), true)
        waiting = nil
    }
}
