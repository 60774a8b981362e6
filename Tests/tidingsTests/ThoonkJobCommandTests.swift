import Foundation
import TestSupport
import Testing

/// `tidings job`, one process a command.
struct ThoonkJobCommandTests {
    private let shell: ThoonkShell

    init() throws {
        shell = try ThoonkShell()
    }

    @Test("a job is put once, claimed with token and deadline, finished, and a second finish is refused")
    func life() throws {
        #expect(try shell.lines("job", "put", "j", "--id", "a", "one") == ["a"])
        #expect(try shell.lines("job", "put", "j", "--id", "a", "other") == ["a"])
        let before = Date().timeIntervalSince1970 * 1000
        let claim = try shell.objects("job", "get", "j", "--claim", "10m")[0]
        let token = try #require(claim["token"]?.string)
        #expect(claim["id"] == "a" && claim["item"] == "one" && claim["cancelled"] == 0)
        let deadline = try #require(claim["deadline"]?.integer)
        #expect((-1000...30_000).contains(Double(deadline) - before - 600_000))
        let scores = try shell.server.cli("ZRANGE", "feed.deadlines:j", "0", "-1", "WITHSCORES").split(separator: "\n")
        #expect(abs((scores.last.flatMap { Int($0) } ?? 0) - deadline) <= 1)

        #expect(try shell.objects("job", "status", "j", "a")[0]["state"] == "claimed")
        let late = try shell.run("job", "finish", "j", "a", "--token", "1.5")
        #expect(late.exit == .code(1), "\(late.errors)")
        #expect(late.errors.contains("another worker has claimed the job 'a'"), "\(late.errors)")
        #expect(try shell.lines("job", "finish", "j", "a", "--token", token, "--result", "ok") == ["a\tdone"])
        let again = try shell.run("job", "finish", "j", "a", "--token", token, "--json")
        #expect(again.exit == .code(1) && again.output == #"{"id":"a","outcome":"not_claimed"}"# + "\n")
        #expect(again.errors.split(separator: "\n").count == 1)
        let absent = try shell.run("job", "status", "j", "a")
        #expect(absent.exit == .code(1) && absent.errors.contains("there is no job 'a'"))
    }

    @Test("jobs are given up, set aside, retried, prolonged and retracted by their ids")
    func verbs() throws {
        let ids = try shell.lines("job", "put", "j", input: "1\n2\n3\n4\n")
        let claims = try shell.lines("job", "get", "j", "--count", "3").map {
            $0.split(separator: "\t").map(String.init)
        }
        #expect(claims.map { $0[0] } == Array(ids.prefix(3)) && claims.map { $0[2] } == ["1", "2", "3"])
        #expect(try shell.lines("job", "cancel", "j", ids[0], "--token", claims[0][1]) == ["\(ids[0])\tdone"])
        #expect(try shell.lines("job", "stall", "j", ids[1], "--token", claims[1][1]) == ["\(ids[1])\tdone"])
        #expect(
            try shell.objects("job", "extend", "j", ids[2], "--by", "1h") == [
                ["id": .string(ids[2]), "outcome": "done"]
            ])
        #expect(try shell.lines("job", "status", "j", ids[2])[0].hasPrefix("claimed, the claim ends in 3"))
        #expect(try shell.lines("job", "status", "j", ids[0]) == ["waiting, 1 cancel"])
        #expect(try shell.lines("job", "status", "j", ids[1]) == ["stalled"])
        let counts = try shell.objects("job", "status", "j")[0]
        #expect(
            counts == [
                "waiting": 2, "claimed": 1, "stalled": 1, "missing": 0, "items": 4, "publishes": 4, "finishes": 0,
            ])
        #expect(try shell.lines("job", "status", "j")[0].split(separator: " ") == ["waiting", "2"])

        for verb in ["cancel", "stall"] {
            let refused = try shell.run("job", verb, "j", ids[0], ids[1])
            #expect(refused.exit == .code(1) && refused.errors.split(separator: "\n").count == 2, "\(refused.errors)")
        }
        #expect(try shell.lines("job", "retry", "j", "--all") == ["\(ids[1])\tdone"])
        let retried = try shell.run("job", "retry", "j", ids[1])
        #expect(retried.exit == .code(1) && retried.errors.contains("is not stalled"), "\(retried.errors)")
        #expect(try shell.lines("job", "retract", "j", ids[1], ids[2], ids[3]).count == 3)
        let gone = try shell.run("job", "retract", "j", ids[3])
        #expect(gone.exit == .code(1) && gone.errors.contains("there is no job"), "\(gone.errors)")
        // Priority goes before the one that was given up.
        _ = try shell.lines("job", "put", "j", "--priority", "now")
        #expect(try shell.objects("job", "get", "j", "--count", "9").map { $0["item"] } == ["now", "1"])
    }

    @Test("maintenance puts back what was lost, once it has been lost for the grace time")
    func maintain() throws {
        let id = try shell.lines("job", "put", "j", "x")[0]
        #expect(try shell.server.cli("RPOP", "feed.ids:j") == id)
        #expect(try shell.objects("job", "status", "j", id)[0]["state"] == "missing")
        #expect(
            try shell.objects("job", "maintain", "j", "--grace", "1h")
                == [["feed": "j", "put_back": 0, "taken_back": 0, "missing": 1]])
        #expect(
            try shell.lines("job", "maintain", "j", "--grace", "0s") == [
                "j: 1 put back, 0 claims taken back, 0 missing"
            ])
        #expect(try shell.objects("job", "get", "j", "--timeout", "0s").map { $0["id"] } == [.string(id)])
    }

    @Test("a claim whose time is over goes to the get that waits")
    func expiry() throws {
        let id = try shell.lines("job", "put", "j", "slow")[0]
        let token = try shell.objects("job", "get", "j", "--claim", "300ms")[0]["token"]?.string ?? ""
        let next = try shell.objects("job", "get", "j", "--timeout", "20s")[0]
        #expect(next["id"] == .string(id) && next["cancelled"] == 1)
        #expect(try shell.run("job", "finish", "j", id, "--token", token).exit == .code(1))
    }

    @Test("bench jobs measures both clients in one run, and the memory of queued jobs")
    func bench() throws {
        let alone = try TidingsBinary.run(
            ["bench", "jobs", "--jobs", "200", "--runs", "1", "--memory", "2000"], within: 60)
        #expect(alone.succeeded && alone.errors.contains("no thoonk.py"), "\(alone.errors)")
        #expect(alone.output.contains("2,000 queued jobs of 100 bytes"), "\(alone.output)")

        let python: PythonEnvironment
        do {
            python = try PythonEnvironment(PythonThoonk.packages)
        } catch is PythonEnvironment.IndexUnreachable {
            guard ProcessInfo.processInfo.environment["CI"] == nil else { throw TestSupportError("pip has no index") }
            try Test.cancel("NOT TESTED: pip cannot reach its index to install \(PythonThoonk.requirement)")
        }
        let result = try TidingsBinary.run(
            ["bench", "jobs", "--jobs", "200", "--runs", "2", "--python", python.python, "--json"], within: 60)
        #expect(result.succeeded && result.errors.isEmpty, "\(result.errors)")
        let figures = try ParsedJSON(parsing: result.output)
        for kind in ["singly_jobs_per_s", "batched_jobs_per_s", "thoonk_py_jobs_per_s"] {
            for verb in ["put", "get", "finish"] {
                let runs = try #require(figures[kind]?[verb]?.array)
                #expect(runs.count == 2 && runs.allSatisfy { $0 != 0 && $0 != .null }, "\(kind) \(verb)")
            }
        }
    }
}
