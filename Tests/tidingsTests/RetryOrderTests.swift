import TestSupport
import Testing

/// The order within a conversation when an operator sends events on that were set aside (docs/contract.md, "Order over a
/// retry by hand").
struct RetryOrderTests {
    @Test(
        "what was never set aside keeps its order; what is sent on by hand comes at the end of its queue, in the list's order"
    )
    func order() throws {
        let folder = try TemporaryFolder()
        let repaired = folder.file("repaired")
        let script = try folder.write(
            """
            while IFS= read -r line; do
              case "$line" in *bad*) [ -e \(repaired) ] || exit 1 ;; esac
              printf '%s\\n' "$line"
            done
            """, to: "work.sh")
        let up = try TidingsUp(
            configuration: "partitions: 1\nattempts: 1\nstages: [{ moderate: { blocked_words: [doubt] } }, "
                + "{ work: { exec: [sh, \(script)] } }, { route: { channels: [all] } }, publish]\n")
        func push(_ numbers: ClosedRange<Int>) throws {
            for number in numbers {
                let text = [2, 5].contains(number) ? "bad" : [3, 7].contains(number) ? "doubt" : "fine"
                _ = try up.redis("RPUSH", "comments:incoming", #"{"thread":"t","n":\#(number),"text":"\#(text)"}"#)
            }
        }
        func ids(_ list: String) throws -> [String] {
            (try ParsedJSON(parsing: up.run(list, "list", "--json").output).array ?? []).compactMap { $0["id"]?.string }
        }
        func published() throws -> [Int] {
            let lines = try up.redis("ZRANGE", "feed.ids:{all}", "0", "-1").split(separator: "\n")
            return try lines.compactMap {
                try ParsedJSON(parsing: up.redis("HGET", "feed.items:{all}", String($0)))["n"]?.integer
            }
        }
        func waiting(_ count: Int) throws {
            try eventually(within: 20, "\(count) wait", every: 0.02) {
                try up.redis("LLEN", "{comments.0}:queue:work") == "\(count)"
            }
        }

        // Two of a batch become dead letters and two are held; those beside them keep their order.
        try push(0...9)
        try eventually(within: 30, "six are published, four set aside", every: 0.05) {
            try published().count == 6 && ids("dead").count == 2 && ids("held").count == 2
        }
        #expect(try published() == [0, 1, 4, 6, 8, 9])

        // Each command puts its events behind what waits at that moment, whatever order the ids are given in.
        _ = try up.run("pause", "work")
        _ = try folder.write("", to: "repaired")
        try push(10...11)
        try waiting(2)
        let held = try ids("held")
        #expect(try up.run("held", "approve", held[1], held[0]).output == "2 sent on\n")
        #expect(try up.run("dead", "retry", "--all").output == "2 put back\n")
        try waiting(6)
        try push(12...12)
        try waiting(7)
        _ = try up.run("resume", "work")
        try eventually(within: 30, "all are published", every: 0.05) { try published().count == 13 }
        #expect(try published() == [0, 1, 4, 6, 8, 9, 10, 11, 3, 7, 2, 5, 12])
        #expect(try ids("dead").isEmpty && ids("held").isEmpty)
    }
}
