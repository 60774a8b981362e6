import JSON
import Pipeline
import Testing

@testable import Comments

@Suite("publish")
struct PublishStageTests {
    @Test("an event goes to its channels, without the list of them")
    func publishes() {
        let decision = PublishStage.decide(event(["id": "1", "channels": ["a", "b"], "x": 1]))
        #expect(Decision(decision) == .publish(["id": "1", "x": 1], ["a", "b"]))
    }

    @Test(
        "an event without a channel is dropped",
        arguments: [[:], ["channels": []], ["channels": "a"], ["channels": [1, "", "a{b}", nil]]] as [JSONObject])
    func drops(fields: JSONObject) {
        #expect(Decision(PublishStage.decide(event(fields))) == .drop("no_channel"))
    }

    @Test(
        "an edit or a deletion without a channel reaches those in which its comment stands",
        arguments: ["edited", "deleted"])
    func changes(type: String) {
        let fields: JSONObject = ["id": "1", "type": .string("comment.\(type)")]
        #expect(Decision(PublishStage.decide(event(fields))) == .publish(fields, []))
    }

    @Test("names that are none, and repeats, are left out")
    func filters() {
        let decision = PublishStage.decide(event(["channels": ["a", 1, "a", "b\n", "c"]]))
        #expect(Decision(decision) == .publish([:], ["a", "c"]))
        // Two names that look alike and are equal to Swift's ==.
        let spelled = PublishStage.decide(event(["channels": ["caf\u{E9}", "cafe\u{301}"]]))
        #expect(Decision(spelled) == .publish([:], ["caf\u{E9}", "cafe\u{301}"]))
    }
}
