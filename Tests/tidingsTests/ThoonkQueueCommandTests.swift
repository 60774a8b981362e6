import Glibc
import TestSupport
import Testing

/// `tidings queue`, one process a command.
struct ThoonkQueueCommandTests {
    private let shell: ThoonkShell

    init() throws {
        shell = try ThoonkShell()
    }

    @Test("items are got in their order, priority first, raw and as JSON")
    func order() throws {
        let ids = try shell.lines("queue", "put", "q", "-", input: "one\ntwo\nthree\n")
        let first = try shell.objects("queue", "put", "q", "--priority", "zero")
        #expect(try shell.lines("queue", "length", "q") == ["4"])
        #expect(try shell.objects("queue", "length", "q") == [["length": 4]])
        #expect(try shell.lines("feed", "ids", "q") == [first[0]["id"]?.string ?? ""] + ids)
        #expect(try shell.lines("feed", "get", "q", ids[0]) == ["one"])
        #expect(try shell.lines("queue", "get", "q") == ["zero"])
        #expect(
            try shell.objects("queue", "get", "q", "--count", "2")
                == [["id": .string(ids[0]), "item": "one"], ["id": .string(ids[1]), "item": "two"]])
        #expect(try shell.lines("queue", "get", "q", "--count", "10", "--timeout", "0s") == ["three"])
        #expect(try shell.lines("queue", "length", "q") == ["0"])
    }

    @Test("a get that waits is woken by a put; one whose time is over exits 75")
    func waiting() throws {
        let waiting = try shell.launch("queue", "get", "q", "--timeout", "30s")
        try eventually(within: 20, "it waits") { try shell.server.cli("CLIENT", "LIST").contains("thoonk-events") }
        _ = try shell.lines("queue", "put", "q", "late")
        #expect(try waiting.wait() == .code(0))
        #expect(waiting.output == "late\n")

        for (timeout, expected) in [("0s", "within 0s"), ("200ms", "within 200ms")] {
            let result = try shell.run("queue", "get", "q", "--timeout", timeout)
            #expect(result.exit == .code(75) && result.errors.contains(expected), "\(result.errors)")
            #expect(result.output.isEmpty)
        }
    }

    @Test("a get that is interrupted takes nothing, and says so")
    func interrupted() throws {
        let waiting = try shell.launch("queue", "get", "q")
        try eventually(within: 20, "it waits") { try shell.server.cli("CLIENT", "LIST").contains("thoonk-events") }
        waiting.send(SIGINT)
        #expect(try waiting.wait() == .code(75))
        #expect(waiting.errors.contains("nothing was taken"), "\(waiting.errors)")
        _ = try shell.lines("queue", "put", "q", "kept")
        #expect(try shell.lines("queue", "length", "q") == ["1"])
    }

    @Test("the length of what is no queue is an error")
    func otherType() throws {
        _ = try shell.lines("job", "put", "j", "x")
        for (name, expected) in [("j", "is of the type job, not queue"), ("none", "there is no feed 'none'")] {
            let result = try shell.run("queue", "length", name)
            #expect(result.exit == .code(1) && result.errors.contains(expected), "\(result.errors)")
        }
    }
}
