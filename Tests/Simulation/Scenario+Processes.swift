/// Scenarios of processes that sleep, die and change, and of operators.
extension Scenario {
    static let processes = [
        Scenario(
            "claimed-after-burial",
            "a dead worker whose claim arrives after its burial holds no lane when the clock steps back",
            """
            options partitions=1 workers=1 edges=1 history=3 ttl=20000 batch=8 ring=4 seed=108393
            start e0
            start w0
            settle 1
            advance 1
            post e0 3 thread=2 forum=0 comment=3
            run w0
            kill w0
            bury w0
            stop e0
            settle 1
            clock -3600000
            """),
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
        Scenario(
            "lost-host-clock-back",
            "the lanes of a lost host go to others soon, also when the server's clock goes back",
            """
            options partitions=1 workers=1 edges=1 history=100 ttl=600000 batch=64 ring=2
            start w0
            settle 1
            push 3 thread=2 forum=0 comment=1
            lose w0
            clock -3600000
            """),
        Scenario(
            "failure-beside-poison", "an event whose stage failed is not blamed for a death over another event",
            """
            options partitions=3 workers=1 edges=1 history=20 ttl=20000 batch=1 ring=4 seed=710394
            start w0
            start e0
            settle 1
            post e0 5 thread=2 forum=0 comment=1 deleted stumble
            post e0 9 thread=3 forum=1 comment=2 poison
            settle 1
            post e0 14 thread=1 forum=1 comment=2
            post e0 15 thread=1 forum=1 comment=3
            post e0 20 thread=1 forum=1 comment=4 poison
            """),
        Scenario(
            "refusal-beside-poison", "an event whose commit was refused is not blamed for a death over another event",
            """
            options partitions=2 workers=1 edges=1 history=20 ttl=600000 batch=8 ring=16 seed=723265
            start w0
            start w1
            start e0
            settle 1
            post e0 4 thread=0 forum=0 comment=4
            post e0 5 thread=0 forum=0 comment=5
            post e0 7 thread=0 forum=0 comment=7 poison
            post e0 9 thread=0 forum=0 comment=8 poison
            settle 1
            bury w0
            start w0
            settle 1
            revoke feeds
            bury w0
            settle 1
            start w0
            bury w1
            settle 1
            """),
    ]
}

// MARK: Operators

extension Scenario {
    static let operators = [
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
