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
            "swept-ring", "an edge that still holds a feed which was swept turns away no reader from the beginning",
            """
            options partitions=1 workers=1 edges=1 history=5 ttl=20000 batch=1 ring=4 seed=5017
            start w0
            start e0
            settle 1
            post e0 2 thread=0 forum=0 comment=1
            post e0 3 thread=2 forum=0 comment=1
            post e0 4 thread=0 forum=0 comment=2
            post e0 5 thread=2 forum=0 comment=2
            post e0 7 thread=0 forum=0 comment=3
            seek r1 forum:f0 -1
            poll r1 e0 once
            post e0 9 thread=0 forum=0 comment=4
            settle 1
            poll r1 e0 once
            settle 25000
            poll r1 e0 live
            """),
        Scenario(
            "deleted-after-sweep",
            "a deletion that is the first event of a feed born again is no repeat of the earlier feed",
            """
            options partitions=1 workers=1 edges=1 history=3 ttl=20000 batch=3 ring=4 seed=300155
            start w1
            start e0
            seek r1 thread:t1 -1
            push 8 thread=1 forum=0 comment=3
            settle 1
            push 9 thread=1 forum=0 comment=4
            poll r1 e0 live
            settle 25000
            push 19 thread=1 forum=0 comment=4 deleted
            """),
        Scenario(
            "created-again",
            "a deletion removes what a record knew that expired before the comment was created again",
            """
            options partitions=1 workers=1 edges=1 history=5 ttl=600000 batch=64 ring=16 seed=300127
            start e0
            start e1
            push 2 thread=2 forum=0 comment=1
            start w0
            settle 1
            post e1 3 thread=2 forum=0 comment=1 deleted
            clock 3600000
            post e0 32 thread=2 forum=0 comment=1
            """),
        Scenario(
            "lease-ahead",
            "a lease that a wrong clock wrote ends when its owner is silent, also where no heartbeat tells of the step",
            """
            options partitions=1 workers=1 edges=1 history=100 ttl=60000 batch=1 ring=16 seed=500678
            start w0
            start e0
            settle 10
            post e0 1 thread=2 forum=0 comment=1
            clock 3600000
            settle 1
            clock -3600000
            push 18 thread=2 forum=0 comment=2 edited
            forget-functions
            stop w0
            """),
        Scenario(
            "unborn-behind",
            "a position that was given after a feed was born, while the clock was behind, outlives that feed",
            """
            options partitions=1 workers=1 edges=1 history=10 ttl=20000 batch=3 ring=2 seed=209700
            start w0
            settle 1
            start e0
            clock -3600000
            push 3 thread=1 forum=1 comment=3
            settle 1
            forget-functions
            clock 20000
            seek r2 forum:f0 -1
            poll r2 e0 once
            """),
        Scenario(
            "unborn-watched",
            "a position that an edge read before the clock was put back is as old as that",
            """
            options partitions=1 workers=1 edges=1 history=10 ttl=20000 batch=64 ring=16 seed=700340
            start w1
            start e0
            settle 500
            seek r0 thread:t1 now
            poll r0 e0 once
            clock -20000
            post e0 1 thread=0 forum=0 comment=1
            settle 24000
            advance 500
            settle 500
            poll r0 e0 once
            poll r0 e0 live
            push 27 thread=1 forum=0 comment=9
            """),
        Scenario(
            "beginning-behind", "a reader from the beginning loses nothing at an edge that is behind",
            """
            options partitions=1 workers=1 edges=1 history=5 ttl=60000 batch=1 ring=4 seed=90099
            start w1
            start e0
            start e1
            settle 1
            freeze w1
            push 1 thread=3 forum=0 comment=1
            seek r0 forum:f0 -1
            poll r0 e1 live
            settle 1
            post e0 21 thread=2 forum=0 comment=5
            post e0 22 thread=2 forum=0 comment=6
            post e0 23 thread=2 forum=0 comment=7
            post e0 24 thread=3 forum=0 comment=4
            freeze e1
            push 33 thread=0 forum=0 comment=7
            thaw w1
            settle 1
            thaw e1
            seek r1 forum:f0 like:r4
            poll r1 e1 live
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
            "demoted-twice", "data that go back twice within a second do not bring an epoch again that a reader knows",
            """
            options partitions=1 workers=1 edges=2 history=100 batch=8 ring=4
            start w0
            start e0
            settle 500
            seek r0 thread:t1 -1
            poll r0 e0 once
            demote
            advance 500
            push 1 thread=1
            settle 5
            demote
            """),
        Scenario(
            "demoted-at-once", "data that go back twice at once do not bring an epoch again that a reader knows",
            """
            options partitions=1 workers=1 edges=1 history=100 ttl=20000 batch=8 ring=16 seed=70251
            start w1
            start e0
            start e1
            settle 1
            post e0 1 thread=0 forum=0 comment=1
            save
            demote
            seek r2 forum:f0 -1
            poll r2 e1 once
            settle 1
            demote
            """),
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
            "flushed-while-asking", "a reader that comes while the data are lost begins after the loss",
            """
            options partitions=1 workers=1 edges=1 history=10 ring=4
            start e0
            start w0
            push 1 thread=1
            settle 1
            seek r0 thread:t1 -1
            poll r0 e0 once
            flush
            settle 3000
            push 2 thread=1
            settle 500
            poll r0 e0 once
            settle 500
            """),
        Scenario(
            "flushed-without-rights", "a position that was given while nobody might write the time down is good",
            """
            options partitions=1 workers=1 edges=1 history=20 ttl=60000 batch=8 ring=4 seed=90050
            start w0
            start e0
            start e1
            settle 500
            seek r0 thread:t2 now
            settle 1000
            flush
            revoke feeds
            settle 500
            post e0 19 thread=2 forum=0 comment=2 edited
            poll r0 e1 once
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
