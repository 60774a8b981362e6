import Testing

@testable import Simulation

/// What the oracle says about feeds and about the promises to readers: histories that break each, and innocent ones.
@Suite struct OracleReaderTests {
    private static func told(_ body: (inout Story) -> Void) -> [Violation.Rule] {
        var story = Story()
        body(&story)
        return story.rules
    }

    // MARK: Feeds

    @Test func `a number that is skipped or given twice`() {
        let rules = Self.told { story in
            story.publish(1...2)
            story.accept(Story.event(3))
            story.tell(.announced(channel: Story.channel, sequence: 4, event: 3))
        }
        #expect(rules.first == .numbers)
    }

    @Test func `a last number that falls while the server lost nothing`() {
        let rules = Self.told { story in
            story.publish(1...3)
            story.snapshot.feeds[Story.channel]?.last = 2
            story.tell()
        }
        #expect(rules.contains(.numbers))
    }

    @Test func `a hole in the history above the floor`() {
        let rules = Self.told { story in
            story.publish(1...3)
            story.snapshot.feeds[Story.channel]?.items[2] = nil
            story.tell()
        }
        #expect(rules == [.hole])
    }

    @Test func `a number that stands for another event`() {
        let rules = Self.told { story in
            story.publish(1...3)
            story.snapshot.feeds[Story.channel]?.items[2] = 1
            story.tell()
        }
        #expect(rules == [.changed])
    }

    /// Two comments, and changes of the first.
    private static func changed(
        _ kinds: [SimulatedEvent.Kind], isRewriting: Bool = true, _ more: (inout Story) -> Void = { _ in }
    ) -> [Violation.Rule] {
        told { story in
            story.publish(1...2)
            for (offset, kind) in kinds.enumerated() {
                let event = Story.event(3 + offset, comment: 1, kind: kind)
                story.accept(event)
                story.publish(event, isRewriting: isRewriting)
            }
            more(&story)
        }
    }

    @Test(arguments: [SimulatedEvent.Kind.edited, .deleted])
    func `a text that was replaced or deleted, and that a later reader would be given`(_ kind: SimulatedEvent.Kind) {
        #expect(Self.changed([kind], isRewriting: false).contains(.replacedText))
        #expect(Self.changed([.edited, kind]).isEmpty)
        let older = Self.changed([.edited, kind]) { story in
            // The change before is put back.
            story.snapshot.feeds[Story.channel]?.items[3] = 3
            story.tell()
        }
        #expect(older == [.replacedText])
    }

    @Test func `the newest version of a comment does not go`() {
        let rules = Self.changed([.edited]) { story in
            story.snapshot.feeds[Story.channel]?.items[3] = nil
            story.tell()
        }
        #expect(rules == [.hole])
        let other = Self.changed([.edited]) { story in
            story.snapshot.feeds[Story.channel]?.items[1] = 2
            story.tell()
        }
        #expect(other == [.changed])
    }

    @Test func `a reader is given each event, or the newest of its comment in its place`() {
        for events in [[1, 2, 3, 4], [4, 2, 4], [1, 2, 4], [4, 2, 3, 4], [3, 2, 3, 4]] {
            #expect(Self.changed([.edited, .edited]) { $0.read(events, next: Story.offset(4)) }.isEmpty, "\(events)")
            let following = Self.changed([.edited, .edited]) { story in
                story.read([], next: Story.offset(0))
                story.read(from: Story.offset(0), events, next: Story.offset(4))
            }
            #expect(following.isEmpty, "\(events)")
        }
        for events in [[1, 2, 3], [4, 2], [4, 4], [2, 4], [3, 2, 1, 4], [2, 2, 4]] {
            let rules = Self.changed([.edited, .edited]) { story in
                story.read([], next: Story.offset(0))
                story.read(from: Story.offset(0), events, next: Story.offset(4))
            }
            #expect(!rules.isEmpty, "\(events)")
        }
    }

    @Test func `a floor that falls`() {
        let rules = Self.told { story in
            story.publish(1...3)
            story.cut(to: 2)
            story.snapshot.feeds[Story.channel]?.floor = 1
            story.tell()
        }
        #expect(rules.first == .floorFell)
    }

    @Test func `an epoch changes once for a restart, not by itself`() {
        #expect(Self.told { $0.restart() }.isEmpty)
        let rules = Self.told { story in
            story.restart()
            story.snapshot.epoch = 9
            story.tell()
        }
        #expect(rules == [.epoch])
        let older = Self.told { story in
            story.save()
            story.restart()
            story.takeBack(isCut: true)
        }
        #expect(older.isEmpty)
    }

    @Test func `events that were not announced count as published`() {
        let rules = Self.told { story in
            story.accept(Story.event(1))
            story.take(outOfQueue: 1)
            for channel in Story.event(1).channels { story.append(1, to: channel, isAnnounced: false) }
            story.tell()
            story.read([1], next: Story.offset(1))
        }
        #expect(rules.isEmpty)
    }

    // MARK: Readers

    @Test func `a reader that gets everything in parts`() {
        let rules = Self.told { story in
            story.publish(1...5)
            story.read([1, 2], next: Story.offset(2))
            story.read(from: Story.offset(2), [], next: Story.offset(2))
            story.read(from: Story.offset(2), [3, 4, 5], next: Story.offset(5))
            story.conclude()
        }
        #expect(rules.isEmpty)
    }

    @Test func `a reader that misses an event in the middle, at the beginning of an answer, or at its end`() {
        func second(_ events: [Int], next: Int64) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...6)
                story.read([1, 2], next: Story.offset(2))
                story.read(from: Story.offset(2), events, next: Story.offset(next))
            }
        }
        #expect(second([3, 4, 5], next: 5).isEmpty)
        #expect(second([3, 5], next: 5) == [.gap])
        #expect(second([4, 5], next: 5) == [.gap])
        #expect(second([3, 4], next: 5) == [.gap])
        #expect(second([], next: 3) == [.gap])
    }

    @Test func `a reader that gets an event again, or out of order, or one that was never published`() {
        func second(_ events: [Int], next: Int64) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...6)
                story.read([1, 2], next: Story.offset(2))
                story.read(from: Story.offset(2), events, next: Story.offset(next))
            }
        }
        #expect(second([2, 3], next: 3) == [.repeated])
        #expect(second([3, 3], next: 4) == [.repeated])
        #expect(second([4, 3], next: 4) == [.gap])
        #expect(second([3, 99], next: 4) == [.invented])
    }

    @Test func `a position that goes back or does not count`() {
        func second(_ next: String) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...6)
                story.read([1, 2], next: Story.offset(2))
                story.read(from: Story.offset(2), [3], next: next)
            }
        }
        #expect(second(Story.offset(2)) == [.badPosition])
        #expect(second("soon") == [.badPosition])
    }

    @Test func `a reader from the beginning gets all that is kept`() {
        func first(_ events: [Int], next: Int64) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...6)
                story.cut(to: 3)
                story.read(events, next: Story.offset(next))
            }
        }
        #expect(first([4, 5], next: 5).isEmpty)
        // An edge that knew an earlier floor.
        #expect(first([3, 4, 5, 6], next: 6).isEmpty)
        #expect(first([5, 6], next: 6) == [.gap])
        #expect(first([4, 6], next: 6) == [.gap])
    }

    @Test func `a reader from now begins anywhere, and misses nothing after that`() {
        let rules = Self.told { story in
            story.publish(1...4)
            story.ask("now")
            story.answer([], next: Story.offset(3))
            story.read(from: Story.offset(3), [4], next: Story.offset(4))
            story.ask("now", reader: "r1")
            story.publish(5...6)
            story.answer([5, 6], next: Story.offset(6), reader: "r1")
        }
        #expect(rules.isEmpty)
    }

    @Test func `a reader of a channel without a feed gets its first event`() {
        let right = Self.told { story in
            story.read([], next: Story.offset(0, born: 0))
            story.publish(1...2)
            story.read(from: Story.offset(0, born: 0), [1, 2], next: Story.offset(2))
        }
        #expect(right.isEmpty)
        let wrong = Self.told { story in
            story.read([], next: Story.offset(0, born: 0))
            story.publish(1...2)
            story.read(from: Story.offset(0, born: 0), [2], next: Story.offset(2))
        }
        #expect(wrong == [.gap])
    }

    @Test func `a feed that lived and was swept between two polls is no secret`() {
        func history(_ story: inout Story) {
            story.read([], next: Story.offset(0, born: 0))
            story.publish(1...2)
            story.sweep()
            story.accept(Story.event(3))
            story.publish(Story.event(3))
        }
        let silent = Self.told { story in
            history(&story)
            story.read(from: Story.offset(0, born: 0), [3], next: Story.offset(1, born: Story.born + 1))
        }
        #expect(silent == [.notTold])
        let told = Self.told { story in
            history(&story)
            story.lose(from: Story.offset(0, born: 0))
            story.read([3], next: Story.offset(1, born: Story.born + 1))
        }
        #expect(told.isEmpty)
    }

    @Test func `a reader without a position is not told of what was gone before its answer`() {
        func history(time: Int64, epoch: Int64 = 5, _ between: (inout Story) -> Int64) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...2)
                story.ask()
                let born = between(&story)
                let empty = Story.offset(time, born: 0, epoch: epoch)
                story.answer([], next: empty)
                story.accept(Story.event(3))
                story.publish(Story.event(3))
                story.read(from: empty, [3], next: Story.offset(1, born: born, epoch: 6))
            }
        }
        func flush(_ story: inout Story) -> Int64 {
            story.takeBack(isCut: true)
            return Story.born
        }
        func sweep(_ story: inout Story) -> Int64 {
            story.sweep()
            return Story.born + 1
        }
        // The server lost everything while the poll was held; an answer of the epoch before knows nothing of it.
        #expect(history(time: 1_001_000, epoch: 6, flush).isEmpty)
        #expect(history(time: 1_001_000, epoch: 5, flush) == [.notTold])
        // A sweep shows by the position's time: no feed is born before it that was not removed before.
        #expect(history(time: Story.born + 1, sweep).isEmpty)
        #expect(history(time: Story.born, sweep) == [.notTold])
    }

    @Test func `a reader that had everything of a swept feed may go on`() {
        let rules = Self.told { story in
            story.publish(1...2)
            story.read([1, 2], next: Story.offset(2))
            story.sweep()
            story.read(from: Story.offset(2), [], next: Story.offset(0, born: 0))
        }
        #expect(rules.isEmpty)
    }

    // MARK: Losses

    @Test func `a position is lost for a reason`() {
        func after(_ what: (inout Story) -> Void) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...4)
                story.save()
                story.read([1, 2], next: Story.offset(2))
                what(&story)
                story.lose(from: Story.offset(2))
            }
        }
        #expect(after { _ in } == [.unfoundedLoss])
        #expect(after { $0.cut(to: 2) } == [.unfoundedLoss])
        #expect(after { $0.publish(5...6) } == [.unfoundedLoss])
        #expect(after { $0.tell(.clockStepped(-2000)) } == [.unfoundedLoss])
        #expect(after { $0.cut(to: 3) }.isEmpty)
        #expect(after { $0.sweep() }.isEmpty)
        #expect(after { $0.restart() }.isEmpty)
        #expect(after { $0.takeBack(isCut: true) }.isEmpty)
        #expect(after { $0.takeBack(isCut: false) }.isEmpty)
    }

    @Test func `a position that was given after the restart is good`() {
        let rules = Self.told { story in
            story.publish(1...4)
            story.restart()
            story.read([1, 2], next: Story.offset(2, epoch: 6))
            story.lose(from: Story.offset(2, epoch: 6))
        }
        #expect(rules == [.unfoundedLoss])
    }

    @Test func `a position is lost with an epoch that was renewed by one who did not know a higher one`() {
        func loss(after epoch: Int64) -> [Violation.Rule] {
            Self.told { story in
                story.takeBack(isCut: false)
                story.snapshot.epoch = 8
                story.tell()
                story.takeBack(isCut: false)
                story.snapshot.epoch = epoch
                story.tell()
                story.read([], next: Story.offset(0, born: 0, epoch: epoch))
                // A process that knows the 8.
                story.snapshot.epoch = 9
                story.tell()
                story.lose(from: Story.offset(0, born: 0, epoch: epoch))
            }
        }
        #expect(loss(after: 7).isEmpty)
        #expect(loss(after: 9) == [.unfoundedLoss])
    }

    @Test func `nobody loses a position that it did not have`() {
        let rules = Self.told { story in
            story.publish(1...4)
            story.lose(from: "-1")
        }
        #expect(rules == [.unfoundedLoss])
        // While the poll was held, the edge knew a place that was lost then.
        let held = Self.told { story in
            story.publish(1...4)
            story.ask("now")
            story.restart()
            story.tell(.lost("r0"))
        }
        #expect(held.isEmpty)
    }

    @Test func `a poll without a position is lost when its edge found no feed longer ago than feeds live`() {
        func lost(after time: Int64, clock: Int64 = 0) -> [Violation.Rule] {
            Self.told { story in
                story.ask("now")
                story.pass(time)
                if clock != 0 { story.stepClock(by: clock) }
                story.publish(1...2)
                story.tell(.lost("r0"))
            }
        }
        #expect(lost(after: 599_000) == [.unfoundedLoss])
        #expect(lost(after: 600_000).isEmpty)
        #expect(lost(after: 1, clock: 600_000).isEmpty)
    }

    @Test func `a frozen edge begins where the feed was when it was frozen`() {
        func lost(after steps: Step..., cut: Bool = true) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...4)
                for step in steps { story.take(step) }
                if cut { story.cut(to: 3) }
                story.ask("now")
                story.tell(.lost("r0"))
            }
        }
        #expect(lost(after: .freeze("e0")).isEmpty)
        #expect(lost(after: .freeze("e0"), cut: false) == [.unfoundedLoss])
        #expect(lost(after: .freeze("e1")) == [.unfoundedLoss])
        #expect(lost(after: .freeze("e0"), .thaw("e0")).isEmpty)
        #expect(lost(after: .freeze("e0"), .thaw("e0"), .settle(1)) == [.unfoundedLoss])
    }

    @Test func `a reader that begins at the end of a feed that is gone may be told so when the next one begins`() {
        func lost(afterNext isNext: Bool, _ step: Step? = nil) -> [Violation.Rule] {
            Self.told { story in
                story.publish(1...4)
                story.sweep()
                story.ask("now")
                if isNext { story.publish(5...6) }
                if let step { story.take(step) }
                story.tell(.lost("r0"))
            }
        }
        #expect(lost(afterNext: true).isEmpty)
        #expect(lost(afterNext: false) == [.unfoundedLoss])
        // An edge that reads its channels again cannot know whether that feed had more events.
        #expect(lost(afterNext: false, .cut("e0/pushes")).isEmpty)
        #expect(lost(afterNext: false, .forgetFunctions).isEmpty)
    }

    @Test func `a position of a channel without a feed holds for the time that a feed may be idle`() {
        func after(_ time: Int64) -> [Violation.Rule] {
            Self.told { story in
                story.read([], next: Story.offset(0, born: 0))
                story.pass(time)
                story.lose(from: Story.offset(0, born: 0))
            }
        }
        #expect(after(599_000) == [.unfoundedLoss])
        #expect(after(600_000).isEmpty)
        // The position carries the server's time.
        let carried = Self.told { story in
            story.pass(500_000)
            story.read([], next: Story.offset(1_000_000, born: 0))
            story.pass(102_000)
            story.lose(from: Story.offset(1_000_000, born: 0))
        }
        #expect(carried.isEmpty)
    }

    @Test func `a position that an edge read before the clock was put back is as old as that`() {
        func after(_ time: Int64, carrying carried: Int64) -> [Violation.Rule] {
            Self.told { story in
                story.pass(100_000)
                story.stepClock(by: -50_000)
                story.pass(500_000)
                story.read([], next: Story.offset(carried, born: 0))
                story.pass(time)
                story.lose(from: Story.offset(carried, born: 0))
            }
        }
        let beforeTheStep: Int64 = 1_101_000
        #expect(after(99_000, carrying: beforeTheStep) == [.unfoundedLoss])
        #expect(after(100_000, carrying: beforeTheStep).isEmpty)
        // The clock has never shown this time: it is as new as the answer.
        #expect(after(599_000, carrying: 2_000_000) == [.unfoundedLoss])
    }

    // MARK: Data that went back

    @Test func `readers are told when the server lost what they have not read, or what they have`() {
        func history(isCut: Bool, sequence: Int64, _ events: [Int], next: Int64) -> Story {
            var story = Story()
            story.publish(1...4)
            story.save()
            story.publish(5...6)
            story.read(Array(1...Int(sequence)), next: Story.offset(sequence))
            story.takeBack(isCut: isCut)
            story.publish(7...9)
            story.read(from: Story.offset(sequence), events, next: Story.offset(next))
            return story
        }
        // 5 and 6 are lost: a reader at 4 would miss them, one at 6 would miss 7 and 8.
        #expect(history(isCut: true, sequence: 4, [7, 8, 9], next: 7).rules == [.notTold])
        #expect(history(isCut: true, sequence: 6, [9], next: 7).rules == [.notTold])
        // An edge that still has the events from before.
        #expect(history(isCut: true, sequence: 4, [5, 6], next: 6).rules.isEmpty)
        // Without a sign, readers may be told later. But they must be told.
        var story = history(isCut: false, sequence: 6, [9], next: 7)
        #expect(story.rules.isEmpty)
        story.conclude()
        #expect(story.rules == [.notTold])
        story = history(isCut: false, sequence: 6, [9], next: 7)
        story.lose(from: Story.offset(7))
        story.read([1, 2, 3, 4, 7, 8, 9], next: Story.offset(7))
        story.conclude()
        #expect(story.rules.isEmpty)
    }

    @Test func `a reader that misses nothing when data went back needs no word`() {
        let rules = Self.told { story in
            story.publish(1...4)
            story.save()
            story.read([1, 2, 3, 4], next: Story.offset(4))
            story.takeBack(isCut: true)
            story.publish(5...6)
            story.read(from: Story.offset(4), [5, 6], next: Story.offset(6))
        }
        #expect(rules.isEmpty)
    }

    @Test func `events that come again after data went back are no secret either`() {
        let rules = Self.told { story in
            story.publish(1...2)
            story.accept(Story.event(3))
            story.save()
            story.publish(Story.event(3))
            story.read([1, 2, 3], next: Story.offset(3))
            story.takeBack(isCut: true)
            story.accept(Story.event(4))
            story.publish(Story.event(4), Story.event(3))
            story.read(from: Story.offset(3), [3], next: Story.offset(4))
        }
        #expect(rules.first == .order)
        #expect(rules.last == .notTold)
    }

    // MARK: The end

    @Test func `in the end a reader is answered, and at the end of its channel`() {
        let waits = Self.told { story in
            story.publish(1...2)
            story.ask()
            story.conclude()
        }
        #expect(waits == [.readerStuck])
        let behind = Self.told { story in
            story.publish(1...2)
            story.read([1], next: Story.offset(1))
            story.conclude()
        }
        #expect(behind == [.readerStuck])
        let passedBy = Self.told { story in
            story.publish(1...2)
            story.read([1, 2], next: Story.offset(2))
            story.takeBack(isCut: false)
            story.publish(3...4)
            story.conclude()
        }
        #expect(passedBy == [.notTold])
        let unborn = Self.told { story in
            story.read([], next: Story.offset(0, born: 0))
            story.conclude()
        }
        #expect(unborn.isEmpty)
    }

    @Test func `a reader at another one's position knows what that one knows`() {
        let rules = Self.told { story in
            story.publish(1...4)
            story.read([1, 2], next: Story.offset(2))
            story.take(.seek("r1", channel: Story.channel, .like("r0")))
            story.ask(Story.offset(2), reader: "r1")
            story.answer([4], next: Story.offset(4), reader: "r1")
        }
        #expect(rules == [.gap])
    }
}
