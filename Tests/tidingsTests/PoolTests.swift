import Glibc
import Supervision
import TestSupport
import Testing

/// `tidings work` as a service manager handles it: signals, deaths, the end.
@Suite(.serialized)
struct PoolTests {
    private let server: RedisServer
    private let pool: ChildProcess

    init() throws {
        server = try RedisServer()
        pool = try TidingsBinary.launch(["work", "--workers", "2", "--redis", server.url])
        try waitForLanes(owned: true)
    }

    private var workers: Set<Int32> {
        Set(ProcessTable.descendants(of: pool.pid).filter { $0.command.contains(" --child ") }.map(\.pid))
    }

    private func owners() throws -> [String] {
        let lanes =
            ["comments:lane:incoming"]
            + (0..<8).flatMap { partition in
                ["incoming", "validate", "moderate", "format", "route", "publish"].map {
                    "{comments.\(partition)}:lane:\($0)"
                }
            }
        let script = "local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('HGET', k, 'owner') or '' end return r"
        return try server.cli(["EVAL", script, String(lanes.count)] + lanes)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func waitForLanes(owned: Bool) throws {
        try eventually(within: 20, "all lanes are \(owned ? "owned" : "free"); log: \(pool.errors)", every: 0.05) {
            try owners().allSatisfy { $0.isEmpty != owned }
        }
    }

    @Test("SIGTERM gives all lanes back and exits 0, within its deadline")
    func term() throws {
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
        try waitForLanes(owned: false)
        #expect(try server.cli("ZCARD", "comments:procs") == "0")
    }

    @Test("a killed worker's lanes go to the other one long before the lease ends, and it is started again")
    func kill9() throws {
        // One worker may own all lanes until the other one has joined.
        try eventually(within: 20, "both workers have lanes") { try Set(owners()).count == 2 }
        let before = workers
        let victim = try #require(before.first)
        let names = Set(try owners())
        kill(victim, SIGKILL)
        try eventually(within: 5, "no lane is the dead worker's") {
            try owners().allSatisfy { !$0.isEmpty } && Set(owners()) != names
        }
        try eventually(within: 10, "two workers run again") { workers.count == 2 && workers != before }
        #expect(pool.errors.contains("child ended, starting it again") && pool.errors.contains("signal 9"))
    }

    @Test("SIGHUP starts every worker anew")
    func hup() throws {
        let before = workers
        pool.send(SIGHUP)
        try eventually(within: 20, "other workers than \(before): \(workers); log: \(pool.errors)") {
            workers.count == 2 && workers.isDisjoint(with: before)
        }
        try waitForLanes(owned: true)
    }

    @Test("SIGTSTP has the workers give their lanes back and live on")
    func tstp() throws {
        pool.send(SIGTSTP)
        try waitForLanes(owned: false)
        #expect(pool.isRunning && workers.count == 2)
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
    }

    @Test("after SIGTSTP a worker that dies is not started again, SIGHUP replaces none, and SIGTERM ends the pool")
    func tstpForGood() throws {
        pool.send(SIGTSTP)
        try waitForLanes(owned: false)
        let before = workers
        kill(try #require(before.first), SIGKILL)
        try eventually(within: 10, "the supervisor has seen it; log: \(pool.errors)") {
            pool.errors.contains("child ended, not starting it again after SIGTSTP")
        }
        pool.send(SIGHUP)
        try eventually(within: 10, "SIGHUP is refused; log: \(pool.errors)") {
            pool.errors.contains("nothing is replaced after SIGTSTP")
        }
        #expect(workers.count == 1 && workers.isSubset(of: before))
        #expect(try owners().allSatisfy(\.isEmpty))
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
    }

    @Test("SIGHUP is refused while a stage cannot be made, and the workers go on")
    func hupWithoutSecret() throws {
        let folder = try TemporaryFolder()
        let secret = try folder.write("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", to: "secret")
        let configuration = try folder.write(
            "pipeline: hooks\nstages: [{ call: { webhook: 'http://127.0.0.1:9/', secret_file: \(secret) } }]\n",
            to: "tidings.yaml")
        let own = try TidingsBinary.launch([
            "work", "--workers", "1", "--config", configuration, "--redis", server.url,
        ])
        func children() -> [Int32] {
            ProcessTable.descendants(of: own.pid).filter { $0.command.contains(" --child ") }.map(\.pid)
        }
        try eventually(within: 20, "its worker has its lanes; log: \(own.errors)", every: 0.05) {
            try server.cli("HGET", "hooks:lane:incoming", "owner") != ""
        }
        let before = children()
        unlink(secret)
        own.send(SIGHUP)
        try eventually(within: 10, "it is refused; log: \(own.errors)") {
            own.errors.contains("nothing was changed")
        }
        #expect(children() == before)
        #expect(!own.errors.contains("replacing the processes"))
        own.send(SIGTERM)
        #expect(try own.wait(within: 15) == .code(0))
    }

    @Test("workers end with their supervisor, also when it is killed")
    func orphaned() throws {
        let before = workers
        pool.kill()
        try eventually(within: 20, "the workers end") { before.allSatisfy { kill($0, 0) != 0 } }
    }
}
