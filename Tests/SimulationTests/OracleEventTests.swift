import Testing

@testable import Simulation

/// What the oracle says about the promises to senders: one history that breaks each, and innocent ones.
@Suite struct OracleEventTests {
    private static func told(_ body: (inout Story) -> Void) -> [Violation.Rule] {
        var story = Story()
        body(&story)
        return story.rules
    }

    @Test func `an accepted event that is nowhere is lost`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.take(outOfQueue: 1)
            story.tell()
        }
        #expect(rules == [.lostEvent])
    }

    @Test func `an event whose acceptance nobody knows may be nowhere`() {
        let rules = Self.told { story in
            story.offer(Story.event(1))
            story.tell()
            story.tell(.refused(1))
        }
        #expect(rules.isEmpty)
    }

    @Test func `an accepted event that was never seen is lost, unless data were lost since it was offered`() {
        let never = Self.told { story in
            story.offer(Story.event(1))
            story.tell(.accepted(1))
        }
        #expect(never == [.lostEvent])
        let flushed = Self.told { story in
            story.offer(Story.event(1))
            story.snapshot.queues[Story.queue] = [1]
            story.tell()
            story.takeBack(isCut: false)
            story.tell(.accepted(1))
        }
        #expect(flushed.isEmpty)
    }

    @Test func `an event that passes through queues to its feeds is where it should be`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.snapshot.queues = ["{c.0}:queue:publish": [1]]
            story.tell()
            story.snapshot.queues = [:]
            story.publish(Story.event(1))
            story.conclude(ProcessState(name: "e0", life: .running))
        }
        #expect(rules.isEmpty)
    }

    @Test func `what an operator dropped, and what its stage drops, may be nowhere`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.accept(Story.event(2, behaviour: .drop))
            story.snapshot.queues = [:]
            story.tell(.droppedByHand(1))
        }
        #expect(rules.isEmpty)
    }

    @Test func `a repeat in its conversation may be dropped, the same id in another may not`() {
        let repeated = Self.told { story in
            story.accept(Story.event(1, comment: 7))
            story.accept(Story.event(2, comment: 7))
            story.take(outOfQueue: 2)
            story.publish(Story.event(1, comment: 7))
        }
        #expect(repeated.isEmpty)
        let other = Self.told { story in
            story.accept(Story.event(1, comment: 7))
            story.accept(Story.event(2, thread: 2, comment: 7))
            story.take(outOfQueue: 2)
            story.publish(Story.event(1, comment: 7))
        }
        #expect(other == [.lostEvent])
    }

    @Test func `a superseded version may be dropped where that is counted`() {
        func history(_ story: inout Story) {
            story.accept(Story.event(1, comment: 7, behaviour: .hold))
            story.take(outOfQueue: 1)
            story.snapshot.held["{c.0}:held:work"] = [1]
            story.accept(Story.event(2, comment: 7, kind: .deleted))
            story.publish(Story.event(2, comment: 7, kind: .deleted))
            story.snapshot.held = [:]
        }
        let uncounted = Self.told { story in
            history(&story)
            story.tell()
        }
        #expect(uncounted == [.lostEvent])
        let counted = Self.told { story in
            history(&story)
            story.snapshot.dropped["superseded"] = 1
            story.tell()
        }
        #expect(counted.isEmpty)
    }

    @Test func `of two versions that came at the same time, the one that was sent first may be the newer one`() {
        func dropped(whenKnown: Bool) -> [Violation.Rule] {
            Self.told { story in
                let (created, deleted) = (Story.event(1, comment: 7), Story.event(2, comment: 7, kind: .deleted))
                story.snapshot.queues[Story.queue] = [1]
                story.offer(created)
                if whenKnown { story.tell(.accepted(1)) }
                story.accept(deleted)
                if !whenKnown { story.tell(.accepted(1)) }
                story.take(outOfQueue: 2)
                story.snapshot.dropped["superseded"] = 1
                story.publish(created)
            }
        }
        #expect(dropped(whenKnown: false).isEmpty)
        #expect(dropped(whenKnown: true).contains(.lostEvent))
    }

    @Test func `an event in two places would be handled twice`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.snapshot.queues["{c.0}:queue:publish"] = [1]
            story.tell()
        }
        #expect(rules == [.twoPlaces])
        let published = Self.told { story in
            story.accept(Story.event(1))
            story.publish(Story.event(1))
            story.snapshot.queues[Story.queue] = [1]
            story.tell()
        }
        #expect(published == [.twoPlaces])
    }

    @Test func `an event in one of its channels only is half published`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.append(1, to: Story.channel)
            story.tell()
        }
        #expect(rules == [.partlyPublished])
    }

    @Test func `an event that appears twice in a channel is published twice`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.publish(Story.event(1))
            story.append(1, to: Story.channel)
            story.tell()
        }
        #expect(rules == [.publishedTwice])
    }

    @Test func `an event may be published again by a server that lost its first publication`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.save()
            story.publish(Story.event(1))
            story.takeBack(isCut: true)
            story.publish(Story.event(1))
        }
        #expect(rules.isEmpty)
    }

    @Test func `an event in a channel that it does not belong to is invented there`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.append(1, to: "thread:t2")
            story.tell()
        }
        #expect(rules == [.invented])
    }

    @Test func `a repeat within the window is not published`() {
        func history(_ story: inout Story, apart time: Int64) {
            story.accept(Story.event(1, comment: 7))
            story.publish(Story.event(1, comment: 7))
            story.pass(time)
            story.accept(Story.event(2, comment: 7))
            story.publish(Story.event(2, comment: 7))
        }
        #expect(Self.told { history(&$0, apart: 599_000) } == [.repeatPublished, .repeatPublished])
        #expect(Self.told { history(&$0, apart: 600_000) }.isEmpty)
        let stepped = Self.told { story in
            story.tell(.clockStepped(700_000))
            history(&story, apart: 1000)
        }
        #expect(stepped.isEmpty)
    }

    @Test func `a conversation is published in the order in which it was accepted`() {
        let wrong = Self.told { story in
            story.accept(Story.event(1))
            story.accept(Story.event(2))
            story.publish(Story.event(2), Story.event(1))
        }
        #expect(wrong == [.order, .order])
    }

    @Test
    func `no order is promised between events that were sent at the same time, doors, conversations, and by hand`() {
        let together = Self.told { story in
            story.snapshot.queues[Story.queue] = [1, 2]
            story.tell(
                .offered(Story.event(1), door: .post), .offered(Story.event(2), door: .post), .accepted(1),
                .accepted(2))
            story.publish(Story.event(2), Story.event(1))
        }
        #expect(together.isEmpty)
        let doors = Self.told { story in
            story.accept(Story.event(1), door: .push)
            story.accept(Story.event(2), door: .post)
            story.publish(Story.event(2), Story.event(1))
        }
        #expect(doors.isEmpty)
        let conversations = Self.told { story in
            story.accept(Story.event(1))
            story.accept(Story.event(2, thread: 2))
            story.publish(Story.event(2, thread: 2), Story.event(1))
        }
        #expect(conversations.isEmpty)
        let byHand = Self.told { story in
            story.accept(Story.event(1, behaviour: .hold))
            story.accept(Story.event(2))
            story.publish(Story.event(2))
            story.tell(.movedByHand(1))
            story.publish(Story.event(1, behaviour: .hold))
        }
        #expect(byHand.isEmpty)
    }

    @Test func `innocents keep their order around an event that was moved by hand`() {
        let rules = Self.told { story in
            for number in 1...3 { story.accept(Story.event(number)) }
            story.tell(.movedByHand(2))
            story.publish(Story.event(3), Story.event(2), Story.event(1))
        }
        #expect(rules == [.order, .order])
    }

    @Test(arguments: [SimulatedEvent.Kind.edited, .deleted])
    func `an older version is not published after a newer one, not even by hand`(_ kind: SimulatedEvent.Kind) {
        let rules = Self.told { story in
            story.accept(Story.event(1, comment: 7, behaviour: .hold))
            story.accept(Story.event(2, comment: 7, kind: kind))
            story.publish(Story.event(2, comment: 7, kind: kind))
            story.tell(.movedByHand(1))
            story.publish(Story.event(1, comment: 7, behaviour: .hold))
        }
        #expect(rules == [.olderVersion, .olderVersion])
    }

    @Test func `only an event that fails by itself is a dead letter`() {
        func dead(_ behaviour: SimulatedEvent.Behaviour) -> [Violation.Rule] {
            Self.told { story in
                story.accept(Story.event(1, behaviour: behaviour))
                story.snapshot.queues = [:]
                story.snapshot.dead["{c.0}:dead:work"] = [1]
                story.tell()
            }
        }
        #expect(dead(.fail).isEmpty)
        #expect(dead(.poison).isEmpty)
        #expect(dead(.plain) == [.innocentDead])
        #expect(dead(.slow(300)) == [.innocentDead])
        #expect(dead(.stumble) == [.innocentDead])
    }

    @Test func `only an event that its stage holds is held`() {
        func held(_ behaviour: SimulatedEvent.Behaviour) -> [Violation.Rule] {
            Self.told { story in
                story.accept(Story.event(1, behaviour: behaviour))
                story.snapshot.queues = [:]
                story.snapshot.held["{c.0}:held:work"] = [1]
                story.tell()
            }
        }
        #expect(held(.hold).isEmpty)
        #expect(held(.plain) == [.innocentHeld])
    }

    @Test func `an edit is held as well when its comment may be held before it`() {
        func held(after first: Observation.Door, _ second: Observation.Door, isLater: Bool) -> [Violation.Rule] {
            Self.told { story in
                let edit = Story.event(1, comment: 7, kind: .edited)
                let creation = Story.event(2, comment: 7, behaviour: .hold)
                if isLater { story.accept(creation, door: first) }
                story.accept(edit, door: isLater ? second : first)
                if !isLater { story.accept(creation, door: second) }
                story.snapshot.queues = [:]
                story.snapshot.held["{c.0}:held:work"] = [1, 2]
                story.tell()
            }
        }
        #expect(held(after: .post, .post, isLater: true).isEmpty)
        #expect(held(after: .post, .post, isLater: false) == [.innocentHeld])
        #expect(held(after: .push, .push, isLater: false) == [.innocentHeld])
        #expect(held(after: .post, .push, isLater: false) == [.innocentHeld])
        // What is pushed waits in the incoming list, and what is posted then overtakes it.
        #expect(held(after: .push, .post, isLater: false).isEmpty)
    }

    @Test func `nothing waits in the end, edges are ready and the configuration stands`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.snapshot.configuration = [:]
            story.conclude(
                ProcessState(name: "e0", life: .running, trouble: "no connection to Redis"),
                ProcessState(name: "e1", life: .frozen, trouble: "no connection to Redis"))
        }
        #expect(rules == [.stuck, .notReady, .noConfiguration])
    }

    @Test func `letters of a partition or a stage that is no more cannot be found`() {
        func held(in key: String) -> [Violation.Rule] {
            Self.told { story in
                story.snapshot.configuration = ["partitions": "1", "stages": "validate,work"]
                story.accept(Story.event(1, behaviour: .hold))
                story.snapshot.queues = [:]
                story.snapshot.held[key] = [1]
                story.conclude()
            }
        }
        #expect(held(in: "{c.0}:held:work").isEmpty)
        #expect(held(in: "{c.1}:held:work") == [.unreachable])
        #expect(held(in: "{c.0}:held:extra") == [.unreachable])
    }

    @Test func `events that a server lost are not owed, those that it kept are`() {
        let lost = Self.told { story in
            story.save()
            story.accept(Story.event(1))
            story.takeBack(isCut: true)
            story.conclude()
        }
        #expect(lost.isEmpty)
        let kept = Self.told { story in
            story.accept(Story.event(1))
            story.save()
            story.publish(Story.event(1))
            story.takeBack(isCut: true)
            story.take(outOfQueue: 1)
            story.tell()
        }
        #expect(kept == [.lostEvent])
    }
}
