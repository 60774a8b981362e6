import Testing

@testable import Simulation

@Suite struct StepTests {
    static let steps: [Step] = [
        .advance(250), .stepClock(-2000), .run("w0"), .open("w0/calls"), .refuse("e1/pushes"), .execute("w0/calls"),
        .deliver("w0/pushes"), .cut("e0/calls"), .start("w0"), .stop("e0"), .quiet("w1"), .kill("w0"), .lose("w1"),
        .bury("w0"), .freeze("e1"), .thaw("e1"), .push(SimulatedEvent(3, thread: 1, forum: 0, comment: 7)),
        .push(SimulatedEvent(4, thread: 1, forum: 0, comment: 7, kind: .edited, behaviour: .slow(300))),
        .post("e0", SimulatedEvent(5, thread: 2, forum: 1, comment: 1, kind: .deleted, behaviour: .hold)),
        .push(SimulatedEvent(6, thread: 0, forum: 0, comment: 6, behaviour: .poison)),
        .push(SimulatedEvent(7, thread: 0, forum: 0, comment: 6, behaviour: .fail)),
        .push(SimulatedEvent(8, thread: 0, forum: 0, comment: 6, behaviour: .stumble)),
        .push(SimulatedEvent(9, thread: 0, forum: 0, comment: 6, behaviour: .drop)),
        .seek("r0", channel: "thread:t1", .beginning), .seek("r0", channel: "forum:f0", .now),
        .seek("r1", channel: "thread:t1", .like("r0")), .poll("r0", "e0", isLive: true),
        .poll("r0", "e1", isLive: false), .leave("r0"), .configure(.history, 10), .configure(.stages, 1), .approve(4),
        .reject(4), .retry(5), .drop(5), .pause("work"), .resume("work"), .purge("work"), .save, .restart, .takeBack,
        .demote, .flush, .forgetFunctions, .forgetConfiguration, .revoke(.newfeed), .grant, .settle(5000),
    ]

    @Test(arguments: steps) func `a step's line parses back to the step`(_ step: Step) {
        #expect(Step(step.description) == step)
    }

    @Test(arguments: [
        "", "advance", "advance x", "jump 3", "push", "push x", "push 3 thread", "poll r0 e0 soon", "seek r0 c later",
        "configure speed 3", "save now", "revoke all", "advance 3 4",
    ]) func `a line that is no step is refused`(_ line: String) {
        #expect(Step(line) == nil)
    }
}
