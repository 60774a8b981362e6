/// A named schedule that broke the promise once: what happened there is kept as a list of steps.
package struct Scenario {
    package let name: String
    /// What happens in it, in a line.
    package let summary: String
    package let schedule: Schedule

    init(_ name: String, _ summary: String, _ text: String) {
        self.name = name
        self.summary = summary
        do {
            schedule = try Schedule(text)
        } catch {
            fatalError("the scenario \(name): \(error)")
        }
    }

    package static let all: [Scenario] = positions + data + processes + operators
}

// MARK: Positions

extension Scenario {
    private static let positions = [
        Scenario(
            "history-raised", "a longer history does not bring back what a shorter one has cut",
            """
            options partitions=1 workers=1 edges=1 history=3 ring=2
            start w0
            start e0
            settle 500
            push 1 thread=1
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            push 2 thread=1
            push 3 thread=1
            push 4 thread=1
            push 5 thread=1
            push 6 thread=1
            push 7 thread=1
            settle 500
            configure history 50
            stop w0
            settle 500
            start w0
            settle 500
            push 8 thread=1
            settle 500
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "history-lowered", "a shorter history leaves no holes",
            """
            options partitions=1 workers=1 edges=1 history=20 ring=2 batch=1
            start w0
            start e0
            settle 500
            \(pushes(1...12, thread: 1))
            settle 1000
            configure history 3
            stop w0
            settle 500
            start w0
            settle 500
            \(pushes(13...16, thread: 1))
            settle 1000
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "clock-back", "the order of a history does not depend on the server's clock",
            """
            options partitions=2 workers=1 edges=1 history=5 ring=2
            start w0
            start e0
            settle 500
            \(pushes(1...4, thread: 0))
            settle 500
            clock -2000
            \(pushes(5...9, thread: 1))
            settle 500
            seek r0 forum:f0 -1
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "unborn-swept", "a feed that was born, swept and born again since a reader came is no secret to it",
            """
            options partitions=1 workers=1 edges=1 history=20 ttl=20000 ring=2
            start w0
            start e0
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            push 1 thread=1
            push 2 thread=1
            settle 60000
            push 3 thread=1
            settle 500
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "edge-behind", "a position that one edge gave is good at an edge that is behind",
            """
            options partitions=1 workers=1 edges=2 history=20 ring=8
            start w0
            start e0
            start e1
            settle 500
            push 1 thread=1
            settle 500
            seek r1 thread:t1 -1
            poll r1 e1 once
            seek r2 thread:t1 now
            poll r2 e1 live
            settle 500
            freeze e1
            push 2 thread=1
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            seek r1 thread:t1 like:r0
            poll r1 e1 once
            thaw e1
            run e1
            run e1
            settle 500
            """),
    ]

    /// Lines that push plain events, one after the other.
    private static func pushes(_ numbers: ClosedRange<Int>, thread: Int) -> String {
        numbers.map { "push \($0) thread=\(thread)" }.joined(separator: "\n")
    }
}

// MARK: Data that go back, and data that are gone

extension Scenario {
    private static let data = [
        Scenario(
            "demoted", "a master that was a replica of an older one has lost events, though no connection was cut",
            """
            options partitions=1 workers=1 edges=1 history=50 ring=2
            start w0
            start e0
            settle 500
            \(pushes(1...5, thread: 1))
            settle 500
            save
            \(pushes(6...10, thread: 1))
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            demote
            settle 500
            \(pushes(11...18, thread: 1))
            settle 5000
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "flushed", "after FLUSHALL the pipeline works again, and readers are told",
            """
            options partitions=1 workers=1 edges=1 history=50 ring=2
            start w0
            start e0
            settle 500
            \(pushes(1...5, thread: 1))
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            flush
            settle 500
            push 6 thread=1
            post e0 7 thread=1
            settle 15000
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "configuration-deleted", "a pipeline whose configuration was deleted writes it again",
            """
            options partitions=1 workers=1 edges=1
            start w0
            start e0
            settle 500
            forget-configuration
            settle 15000
            """),
        Scenario(
            "taken-back", "a restart from an older file is told to readers",
            """
            options partitions=1 workers=1 edges=1 history=50 ring=2
            start w0
            start e0
            settle 500
            \(pushes(1...5, thread: 1))
            settle 500
            save
            \(pushes(6...10, thread: 1))
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            settle 500
            take-back
            settle 1000
            \(pushes(11...18, thread: 1))
            settle 5000
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "rights-taken", "a commit that lacks a right does nothing, not a half",
            """
            options partitions=1 workers=1 edges=1
            start w0
            start e0
            settle 500
            revoke newfeed
            \(pushes(1...3, thread: 1))
            settle 3000
            grant
            settle 5000
            """),
    ]
}

// MARK: Processes

extension Scenario {
    private static let processes = [
        Scenario(
            "partitions-changed",
            "an edge that slept through a change of the partitions puts events where workers look",
            """
            options partitions=3 workers=1 edges=2
            start w0
            start e0
            start e1
            settle 500
            freeze e1
            stop w0
            stop e0
            settle 1000
            settle 20000
            configure partitions 1
            start w0
            start e0
            settle 1000
            post e1 1 thread=0
            post e1 2 thread=1
            post e1 3 thread=2
            post e1 4 thread=3
            thaw e1
            settle 2000
            stop e1
            settle 1000
            start e1
            settle 15000
            """),
        Scenario(
            "stages-changed", "a worker that slept through a change of the stages pushes no event where nobody looks",
            """
            options partitions=1 workers=2 edges=1
            configure stages 1
            start w0
            start e0
            settle 500
            post e0 1 thread=0 slow=3000
            settle 500
            freeze w0
            stop e0
            settle 20000
            configure stages 0
            start e0
            settle 1000
            thaw w0
            settle 5000
            start w1
            settle 2000
            stop w0
            settle 2000
            """),
        Scenario(
            "frozen-workers", "a slow event survives workers that are frozen over it, one after the other",
            """
            options partitions=1 workers=1 edges=1
            start w0
            start e0
            settle 500
            post e0 1 thread=1 slow=3000
            settle 500
            freeze w0
            start w1
            settle 12500
            freeze w1
            start w2
            settle 12500
            freeze w2
            start w3
            settle 12500
            freeze w3
            start w4
            settle 16000
            """),
        Scenario(
            "cut-workers", "a slow event survives workers that lose their connection over it, one after the other",
            """
            options partitions=1 workers=3 edges=1
            start w0
            start w1
            start w2
            start e0
            settle 500
            post e0 1 thread=1 slow=3000
            settle 500
            lose w0
            settle 12500
            start w0
            settle 1000
            lose w1
            settle 12500
            start w1
            settle 1000
            lose w2
            settle 12500
            start w2
            settle 16000
            """),
    ]
}

// MARK: Operators

extension Scenario {
    private static let operators = [
        Scenario(
            "ids-in-threads", "ids that are numbered within a conversation are no repeats in another",
            """
            options partitions=1 workers=1 edges=1
            start w0
            settle 500
            push 1 thread=0 comment=1
            push 2 thread=1 comment=1
            push 3 thread=2 comment=1
            settle 500
            """),
        Scenario(
            "repeats-moved", "a repeat is recognised after the number of partitions has changed",
            """
            options partitions=1 workers=1 edges=1
            start w0
            settle 500
            push 1 thread=0 comment=1
            push 2 thread=1 comment=1
            push 3 thread=2 comment=1
            push 4 thread=3 comment=1
            settle 500
            stop w0
            settle 16000
            configure partitions 4
            start w0
            settle 500
            push 5 thread=0 comment=1
            push 6 thread=1 comment=1
            push 7 thread=2 comment=1
            push 8 thread=3 comment=1
            settle 1000
            """),
        Scenario(
            "letters-left", "letters of partitions that are no more can be approved and retried",
            """
            options partitions=4 workers=1 edges=1
            start w0
            settle 500
            push 1 thread=0 hold
            push 2 thread=1 fail
            push 3 thread=2 hold
            push 4 thread=3 fail
            settle 10000
            stop w0
            settle 16000
            configure partitions 1
            start w0
            settle 2000
            approve 1
            retry 2
            approve 3
            retry 4
            settle 10000
            """),
        Scenario(
            "approved-after-edit", "a held comment that is approved after its edit does not come back in its old form",
            """
            options partitions=1 workers=1 edges=1
            start w0
            start e0
            settle 500
            post e0 1 thread=1 comment=1 hold
            settle 500
            post e0 2 thread=1 comment=1 edited
            settle 500
            approve 1
            settle 500
            """),
        Scenario(
            "approved-after-deletion", "a held comment that is approved after its deletion is not published",
            """
            options partitions=1 workers=1 edges=1
            start w0
            start e0
            settle 500
            post e0 1 thread=1 comment=1 hold
            settle 500
            post e0 2 thread=1 comment=1 deleted
            settle 500
            approve 1
            settle 500
            """),
        Scenario(
            "retried-beside-innocents", "an event that is retried by hand changes no order but its own",
            """
            options partitions=1 workers=1 edges=1 batch=8
            start w0
            start e0
            settle 500
            post e0 1 thread=1
            post e0 2 thread=1 fail
            post e0 3 thread=1
            post e0 4 thread=1
            settle 10000
            post e0 5 thread=1 slow=300
            settle 50
            retry 2
            post e0 6 thread=1
            post e0 7 thread=1
            settle 10000
            """),
    ]
}
