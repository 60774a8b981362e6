import Glibc
import TestSupport
import Testing

/// Events over which workers of real pools end: what speaks against an event, and what does not.
struct PoisonTests {
    private static let lanes = 8

    @Test("an event that kills its worker is set aside, and none of those that were in other lanes at that moment")
    func guilty() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let script = try folder.write(
            """
            while IFS= read -r line; do
              case "$line" in *guilty*) kill -9 $PPID; exit 1 ;; esac
              printf '%s\\n' "$line"
            done
            """, to: "work.sh")
        let configuration = try folder.write(
            "partitions: \(Self.lanes)\nstages: [{ work: { exec: [sh, \(script)] } }, "
                + "{ route: { channels: [all] } }, { publish: { history: 10000 } }]\n", to: "tidings.yaml")
        let arguments = ["--config", configuration, "--redis", server.url]
        // The guilty one is the 5th event of its lane, well inside of the first batch.
        let lines = (0..<800).map { #"{"thread":"t\#($0 % 40)","text":"\#($0 == 170 ? "guilty" : "\($0)")"}"# + "\n" }
        let filled = try TidingsBinary.run(["enqueue"] + arguments, input: lines.joined())
        #expect(filled.succeeded, "\(filled)")

        let pool = try TidingsBinary.launch(["work", "--workers", "2"] + arguments)
        try eventually(within: 60, "the others are published; log: \(pool.errors.suffix(3000))", every: 0.05) {
            try server.cli("ZCARD", "feed.ids:{all}") == "799"
        }
        let letters = try (0..<Self.lanes).flatMap { lane in
            try server.cli("LRANGE", "{comments.\(lane)}:dead:work", "0", "-1").split(separator: "\n")
        }
        #expect(letters.count == 1, "\(letters)")
        #expect(letters.first?.contains("guilty") == true)
        #expect(letters.first?.contains("poison: 3 workers died") == true)
        #expect(pool.errors.split(separator: "\n").count { $0.contains("child ended, starting it again") } >= 3)
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 20) == .code(0))
    }

    @Test("workers that are killed because their pool is to end at once die over no event, however often")
    func plannedEnds() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let (hand, open) = (folder.file("hand"), folder.file("open"))
        let script = try folder.write(
            """
            while IFS= read -r line; do
              echo x >> \(hand)
              [ -e \(open) ] || sleep 1000
              printf '%s\\n' "$line"
            done
            """, to: "work.sh")
        let configuration = try folder.write(
            "partitions: 1\ndeaths: 2\nstages: [{ work: { exec: [sh, \(script)], timeout: 10m } }, "
                + "{ route: { channels: [all] } }, { publish: { history: 100 } }]\n", to: "tidings.yaml")
        let arguments = ["--config", configuration, "--redis", server.url]
        #expect(try TidingsBinary.run(["enqueue"] + arguments, input: #"{"thread":"t","n":1}"# + "\n").succeeded)
        for round in 1...4 {
            let pool = try TidingsBinary.launch(["work", "--workers", "1"] + arguments)
            try eventually(within: 30, "the event is in hand, round \(round); log: \(pool.errors)", every: 0.02) {
                folder.read("hand").split(separator: "\n").count >= round
            }
            pool.send(SIGTERM)
            usleep(100_000)
            pool.send(SIGTERM)
            #expect(try pool.wait(within: 20) == .code(0))
            let known = try server.cli("HMGET", "{comments.0}:lane:work", "owner", "attempts", "deaths", "crash")
            #expect(known.split(separator: "\n", omittingEmptySubsequences: false) == ["", "0", "0", ""], "\(round)")
        }
        _ = try folder.write("", to: "open")
        let pool = try TidingsBinary.launch(["work", "--workers", "1"] + arguments)
        try eventually(within: 30, "it is published; log: \(pool.errors.suffix(3000))", every: 0.05) {
            try server.cli("ZCARD", "feed.ids:{all}") == "1"
        }
        #expect(try server.cli("EXISTS", "{comments.0}:dead:work") == "0")
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 20) == .code(0))
    }

    @Test("workers that are stopped past their leases, one after the other, over a slow event, condemn nothing")
    func stoppedProcesses() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let (hand, open) = (folder.file("hand"), folder.file("open"))
        let script = try folder.write(
            """
            while IFS= read -r line; do
              echo x >> \(hand)
              [ -e \(open) ] || sleep 2
              printf '%s\\n' "$line"
            done
            """, to: "work.sh")
        let configuration = try folder.write(
            "partitions: 1\nlease: 3s\nstages: [{ work: { exec: [sh, \(script)] } }, "
                + "{ route: { channels: [all] } }, { publish: { history: 100 } }]\n", to: "tidings.yaml")
        let arguments = ["--config", configuration, "--redis", server.url]
        #expect(try TidingsBinary.run(["enqueue"] + arguments, input: #"{"thread":"t","n":1}"# + "\n").succeeded)
        let pools = try (0..<2).map { _ in try TidingsBinary.launch(["work", "--workers", "1"] + arguments) }
        func worker(of pool: ChildProcess) -> Int32? {
            ProcessTable.descendants(of: pool.pid).first { $0.command.contains("--child") }?.pid
        }
        func inHand() -> Int { folder.read("hand").split(separator: "\n").count }
        func owner() throws -> String { try server.cli("HGET", "{comments.0}:lane:work", "owner") }
        var stopped: Int32?
        for round in 1...4 {
            try eventually(within: 40, "the event is in hand again, round \(round)", every: 0.05) {
                if round > 1 { try server.cli("PUBLISH", "comments:control", "look") }
                return inHand() >= round
            }
            if round == 4 { break }
            let pool = try #require(pools.first { try owner().contains("-\($0.pid)-") })
            let pid = try #require(worker(of: pool))
            kill(pid, SIGSTOP)
            if let stopped { kill(stopped, SIGCONT) }
            stopped = pid
        }
        if let stopped { kill(stopped, SIGCONT) }
        try eventually(within: 30, "it is published", every: 0.05) {
            try server.cli("ZCARD", "feed.ids:{all}") == "1"
        }
        #expect(try server.cli("EXISTS", "{comments.0}:dead:work") == "0")
        for pool in pools {
            #expect(!pool.errors.contains("child ended"), "nobody died")
            pool.send(SIGTERM)
        }
        for pool in pools { #expect(try pool.wait(within: 20) == .code(0)) }
    }
}
